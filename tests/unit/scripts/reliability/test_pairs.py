"""Two faults in one run."""

from scripts.reliability import pairs


def test_a_greater_sample_begins_with_the_smaller() -> None:
    """GIVEN two counts WHEN sampled THEN the greater sample has the smaller one's pairs first."""
    assert list(pairs.sample(30))[:10] == list(pairs.sample(10))


def test_both_faults_are_of_one_scenario_and_mode() -> None:
    """GIVEN a sample WHEN read THEN each pair is of cells that can happen to the same run."""
    for pair in pairs.sample(100):
        assert (pair.first.row.scenario, pair.first.row.mode) == (pair.second.row.scenario, pair.second.row.mode)


def test_two_faults_cost_time_at_most() -> None:
    """GIVEN some pairs WHEN all is quiet again THEN nothing is lost, doubled or wrongly dead-lettered."""
    results = {str(pair): pairs.run(pair) for pair in pairs.sample(40)}

    assert {pair: result.wrong for pair, result in results.items() if result.wrong} == {}
    assert any(not result.missed for result in results.values())
