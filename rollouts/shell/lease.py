"""Keeps the Lease of the leader, in a thread beside the loop so that a busy loop never costs the lead."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from rollouts.core.errors import HiccupError
from rollouts.kube.ref import Ref
from rollouts.shell import clock, logs
from rollouts.shell.blocking import BlockingClient
from rollouts.shell.claim import Claim, Write, is_ours
from rollouts.shell.connection import ApiError
from rollouts.shell.kubeconfig import Access
from rollouts.shell.settings import Settings

CALL_S_MAX = 4.0


class LeaseKeeper:
    """Wins the Lease, renews it, and says so: `changed(term)` from its own thread, `changed(None)` when it is lost.

    `remaining_s` may be asked from any thread: it is tested before each write.
    """

    def __init__(
        self, access: Access, ref: Ref, identity: str, settings: Settings, changed: Callable[[int | None], None]
    ) -> None:
        self._client = BlockingClient(access, settings.user_agent)
        self._claim = Claim(ref, identity, settings)
        self._settings = settings
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._met = ""

    @property
    def ref(self) -> Ref:
        """The Lease."""
        return self._claim.ref

    def start(self) -> None:
        """Begin to try."""
        self._thread.start()

    def remaining_s(self) -> float:
        """For how long we may still write; negative without the lead."""
        return self._claim.remaining_s(time.monotonic())

    @property
    def stranger(self) -> str:
        """Who holds the Lease, if that is another controller than this project's; "" otherwise."""
        return "" if is_ours(self._claim.rival) else self._claim.rival

    def stop(self, *, release: bool) -> None:
        """End the thread and, if asked, hand the Lease to whoever wants it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CALL_S_MAX + 1)
        if release and self._claim.term is not None:
            self._claim.lost()  # first we stop writing, then we say so
            try:
                lease = self._client.call("GET", self._claim.ref.path, None, CALL_S_MAX)
                if write := self._claim.release(lease, clock.now()):
                    self._client.call("PUT", self._claim.ref.path, write.body, CALL_S_MAX)
            except HiccupError as error:
                logs.warn("lease not released", text=str(error))
        self._client.close()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            try:
                self._try()
            except HiccupError as error:
                logs.warn("lease not reached", lease=self._claim.ref.name, text=str(error))
            except Exception as error:  # a thread that dies in silence would keep the lead for ever
                logs.error("lease keeper broke", error)
            if self._claim.term is not None and self.remaining_s() <= 0:
                self._lose("not renewed in time")
                return
            # Spread the tries of several waiting processes; the leader's own rhythm needs no spreading.
            spread = 0.0 if self._claim.term is not None else os.getpid() % 100 / 100 * 0.2
            wait_s = self._settings.lease_retry_s * (1 + spread)

    def _try(self) -> None:
        lease = None
        try:
            lease = self._client.call("GET", self._claim.ref.path, None, self._timeout_s())
        except ApiError as error:
            if error.status != 404:
                raise
        write = self._claim.look(lease, time.monotonic(), clock.now())
        if self.stranger != self._met:
            self._met = self.stranger
            if self._met:
                logs.warn("lease held by another controller", lease=self._claim.ref.name, holder=self._met)
        if write is None:
            if self._claim.term is not None:
                self._lose("held by another")
                self._stop.set()
            return
        sent_at_s = time.monotonic()
        try:
            self._send(write)
        except ApiError as error:
            if error.status == 409:
                return  # somebody was quicker; the next look tells who
            raise
        is_new = self._claim.term != write.term
        self._claim.won(write, sent_at_s)
        if is_new:
            logs.info("leading", lease=self._claim.ref.name, identity=self._claim.identity, term=write.term)
            self._changed(write.term)

    def _send(self, write: Write) -> None:
        ref = self._claim.ref
        if write.version:
            self._client.call("PUT", ref.path, write.body, self._timeout_s())
        else:
            self._client.call("POST", ref.kind.path(ref.namespace), write.body, self._timeout_s())

    def _timeout_s(self) -> float:
        if self._claim.term is None:
            return CALL_S_MAX
        return max(0.2, min(CALL_S_MAX, self.remaining_s()))

    def _lose(self, why: str) -> None:
        self._claim.lost()
        logs.warn("lead lost", lease=self._claim.ref.name, text=why)
        self._changed(None)
