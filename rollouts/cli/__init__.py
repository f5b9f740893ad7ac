"""The command line and the kubectl plugin."""
