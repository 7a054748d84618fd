"""Peers are tuned to a rate on a stream, and count what they should."""

import numpy as np
import pytest

from bench.detection.peers import ADWIN, DUMMIES, PEERS, Peer, tune
from bench.detection.protocol import HALVINGS, IID, generator
from bench.detection.streams import changing, stationary

QUICK = [peer for peer in PEERS if not peer.name.startswith("HDDM")]


@pytest.mark.parametrize("peer", QUICK, ids=lambda peer: peer.name)
def test_a_tuned_peer_keeps_the_rate_and_a_louder_one_would_not(peer: Peer) -> None:
    values, wanted = stationary(generator("test", 1), IID, 50_000), 40.0  # 2 in 50,000
    found = tune(peer, values, wanted)
    assert sum(1 for _ in found.alarms(values)) <= 2
    assert peer.quietest <= found.setting <= peer.loudest or peer.loudest <= found.setting <= peer.quietest
    louder = found.setting * (peer.loudest / peer.quietest) ** (1 / 2**HALVINGS)
    assert sum(1 for _ in peer.alarms(louder, values)) > 2


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_finds_a_gross_rise_and_says_when(peer: Peer) -> None:
    values = changing(generator("test", 2), IID, 2_000, 0.9, 1_000)
    setting = tune(peer, values[:2_000], 500.0).setting
    found = [at for at in peer.alarms(setting, values) if at > 2_000]
    assert found
    assert found[0] <= 3_000


def test_a_fall_does_not_count() -> None:
    values = changing(generator("test", 3), IID, 5_000, 0.9, 5_000)
    assert list(ADWIN.alarms(0.002, values))
    assert not list(ADWIN.alarms(0.002, values[::-1]))


def test_dummies_fire_never_and_always() -> None:
    values = np.zeros(3, dtype=np.uint8)
    assert {name: list(dummy(values)) for name, dummy in DUMMIES.items()} == {
        "never fires": [],
        "always fires": [1, 2, 3],
    }
