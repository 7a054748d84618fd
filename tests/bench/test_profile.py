from bench.profile import STAGES, stage_of


def test_a_sample_belongs_to_the_innermost_frame_that_a_stage_claims() -> None:
    outside = [
        "run (streams/worker.py:60)",
        "Lane.run (streams/lane.py:120)",
        "SourcePartition.take (streams/partition.py:1)",
    ]
    assert stage_of([*outside, "Join.predictions (streams/join.py:1)"]) == "lateness, duplicates, join"
    assert (
        stage_of([*outside, "OpenPanes.count (streams/open_panes.py:1)", "sum (numpy.py:1)"]) == "count into summaries"
    )
    assert stage_of(["poll (aiokafka/consumer/fetcher.py:1)"]).startswith("fetch")
    assert stage_of(outside[:2]) == STAGES[-1][0]
