"""The TLS context of an access."""

from __future__ import annotations

import os
import ssl
import tempfile

from rollouts.shell.kubeconfig import Access, AccessError


def context(access: Access) -> ssl.SSLContext | None:
    """What to connect with, or None for plain http."""
    if not access.server.startswith("https://"):
        return None
    try:
        made = ssl.create_default_context(cadata=access.ca or None)
        if access.insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        certificate = access.credentials.certificate or access.certificate
        if certificate:
            show_pair(made, certificate + "\n" + (access.credentials.key or access.key))
    except ssl.SSLError as error:
        raise AccessError(f"TLS material of context {access.context!r}: {error.reason or 'unreadable'}") from None
    return made


def show_pair(made: ssl.SSLContext, pem: str) -> None:
    """Show a certificate to whoever asks for one; pem: it and its key.

    The standard library reads certificates from files only: one that nobody else may read, for a moment.
    """
    handle, path = tempfile.mkstemp(suffix=".pem")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(pem)
        made.load_cert_chain(path)
    finally:
        os.unlink(path)
