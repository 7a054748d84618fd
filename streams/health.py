"""The worker's HTTP side: `/metrics`, `/livez` and `/readyz`. It looks at the lanes and changes nothing."""

import logging
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol, cast

from aiohttp import web
from faust.types import TP
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streams.errors import UserError
from streams.metrics import REGISTRY

log = logging.getLogger(__name__)

STALLED_AFTER = 60.0
"""Seconds without progress, while there is something to do, after which a worker should be started again."""
HUNG_AFTER = 330.0
"""The same, whatever there is to do: a lane that is well looks for work all the time. A send is given up after less."""


class Observed(Protocol):
    """What health is judged by."""

    ready: bool
    loading: bool
    advanced_at: float

    @property
    def lag(self) -> dict[TP, int | None]:
        """Records that each partition is behind; None: not known."""
        ...


class HealthServer:
    """Serves the three pages. A worker that has no partition, because others have them all, is alive and ready.

    One that waits for a broker (`away`) is alive: to start it anew would not bring the broker back.
    """

    def __init__(
        self,
        lanes: Sequence[Observed],
        host: str,
        port: int,
        stalled_after: float = STALLED_AFTER,
        away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._away = away
        self._lanes = lanes
        self._host = host
        self._port = port
        self._stalled_after = stalled_after
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket | None = None

    def observe(self, lanes: Sequence[Observed]) -> None:
        """Judge by `lanes` from now on. Before there are any, a worker is alive and not ready."""
        self._lanes = lanes

    def bind(self) -> None:
        """Take the port, once; 0 takes a free one, which the log names.

        Raises
        ------
        UserError
            When it cannot be had.
        """
        if self._socket is not None:
            return
        try:
            self._socket = socket.create_server((self._host, self._port))
        except OSError as error:
            where = f"{self._host}:{self._port}"
            raise UserError(f"{where}: {error.strerror}: give the worker another --http-host or --http-port") from None
        host, port = self._socket.getsockname()[:2]
        log.info("health and metrics on http://%s:%d", host, port)

    async def start(self) -> None:
        """Serve."""
        self.bind()
        app = web.Application()
        app.add_routes(
            [web.get("/metrics", self._metrics), web.get("/livez", self._livez), web.get("/readyz", self._readyz)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        # The runner closes what it listens on, and the port is kept for the next event loop.
        await web.SockSite(self._runner, cast(socket.socket, self._socket).dup()).start()

    async def pause(self) -> None:
        """Stop answering in this event loop. The port is kept: who asks meanwhile waits for the next `start`."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def stop(self) -> None:
        """Stop listening."""
        await self.pause()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def stalled(self) -> str | None:
        """Return what is behind and does not move, or None."""
        for lane in self._lanes:
            if lane.loading:
                continue
            silent = monotonic() - lane.advanced_at
            behind = {tp: lag for tp, lag in lane.lag.items() if lag} if lane.ready else {}
            # Where another lane moves, this one may only wait for its turn: both are fed by the same fetches.
            if behind and silent > self._stalled_after and self._all_silent():
                worst = max(behind, key=lambda tp: behind[tp])
                return (
                    f"{sum(behind.values())} records behind on {len(behind)} partitions and nothing processed for "
                    f"{silent:.0f}s; furthest behind: {worst.topic}[{worst.partition}], by {behind[worst]}"
                )
            if silent > HUNG_AFTER:
                waiting = "work to be done" if lane.ready else "partitions to be assigned"
                return f"waiting for {silent:.0f}s for {waiting}"
        return None

    def _all_silent(self) -> bool:
        now = monotonic()
        return not any(any(lane.lag.values()) and now - lane.advanced_at <= self._stalled_after for lane in self._lanes)

    def unready(self) -> str | None:
        """Return what is waited for, or None."""
        if self._away():
            return "not ready: no broker answers"
        if not self._lanes or not all(lane.ready for lane in self._lanes):
            return "not ready: partitions are not assigned yet, or their state is being loaded"
        return None

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        problem = self.stalled()
        well = "ok, waiting for a broker: none answers" if self._away() else "ok"
        return web.Response(text=f"{problem or well}\n", status=200 if problem is None else 503)

    async def _readyz(self, _: web.Request) -> web.Response:
        problem = self.unready()
        return web.Response(text=f"{problem or 'ok'}\n", status=200 if problem is None else 503)
