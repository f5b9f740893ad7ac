"""The command line of tests/cli, for the tests of the installation."""

from tests.cli.conftest import typed as typed
