"""Words without a domain: instants, amounts, canonical bytes, merge patches, back-off.

Lives here: small pure values and functions, and thin doors to well-kept libraries.
Never here: anything that knows Kubernetes, a clock, a socket or a log. Read `instant.py` first.
"""
