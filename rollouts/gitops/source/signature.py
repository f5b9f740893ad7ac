"""Who signed a commit: the signature taken out of it, the keys as a keyring, and what gpgv says of both."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable

from rollouts.gitops.source.errors import SourceError

KEY_ID_CHARS_MIN = 16  # shorter ones can be made to fit
_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")
_ARMOUR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.S)
_BAD = frozenset({"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "KEYEXPIRED", "KEYREVOKED", "NODATA"})


def parted(commit: bytes) -> tuple[bytes, bytes]:
    """(what was signed, the signature) of a raw commit. Raises SourceError where there is none of GnuPG."""
    head, _, body = commit.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    is_inside = False
    for line in head.split(b"\n"):
        if is_inside and line.startswith(b" "):
            signature.append(line[1:])
            continue
        header = next((each for each in _HEADERS if line.startswith(each)), b"")
        is_inside = bool(header)
        if header:
            signature.append(line[len(header) :])
        else:
            kept.append(line)
    if not signature:
        raise SourceError("is required to be signed, but it is not")
    if signature[0].strip() != b"-----BEGIN PGP SIGNATURE-----":
        raise SourceError("is signed by other means than GnuPG, which alone are verified")
    return b"\n".join(kept) + b"\n\n" + body, b"\n".join(signature) + b"\n"


def parted_tag(tag: bytes, commit: str) -> tuple[bytes, bytes] | None:
    """(what was signed, the signature) of a raw tag; None where nobody signed it or it names another commit."""
    at = tag.rfind(b"\n-----BEGIN PGP SIGNATURE-----\n")
    if at < 0 or not tag.startswith(f"object {commit}\ntype commit\n".encode()):
        return None
    return tag[: at + 1], tag[at + 1 :]


def keyring(armoured: Iterable[str]) -> bytes:
    """Public keys in one keyring; what is no key is left out."""
    return b"".join(_bare(block) for text in armoured for block in _ARMOUR.findall(text))


def problem(said: str, allowed: Collection[str]) -> str:
    """Why a signature does not count, "" where it does. said: the status lines of gpgv."""
    lines = [line.split() for line in said.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[1] for line in lines if len(line) > 1}
    if "NO_PUBKEY" in words:
        return "is signed with a key that nobody has brought here"
    if bad := sorted(words & _BAD):
        return f"has a signature that does not count ({', '.join(bad)})"
    valid = next((line for line in lines if line[1] == "VALIDSIG"), [])
    if "GOODSIG" not in words or len(valid) < 3:
        return "has a signature that cannot be verified"
    prints = {valid[2].upper(), valid[-1].upper()}  # of the key that signed, and of the one that it belongs to
    if any(_is_of(each, one) for each in allowed for one in prints):
        return ""
    return f"is signed with key {valid[2][-16:]}, which the project does not allow"


def _is_of(key_id: str, fingerprint: str) -> bool:
    plain = key_id.strip().upper().removeprefix("0X")
    return len(plain) >= KEY_ID_CHARS_MIN and fingerprint.endswith(plain)


def _bare(block: str) -> bytes:
    """The bytes in an armour: after its headers, before its checksum."""
    _, _, body = block.replace("\r", "").lstrip("\n").partition("\n\n") if ":" in block else ("", "", block)
    lines = [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("=")]
    try:
        return base64.b64decode("".join(lines), validate=True)
    except binascii.Error:
        return b""
