"""What sidecars say of the hardware."""

import pytest

from braintwin.io.sidecars import filter_edge


@pytest.mark.parametrize(
    ("filters", "edge"),
    [
        ({"Highpass": {"Order": 2, "Cutoff (Hz)": 0.3}}, 0.3),
        ({"HighPass filter": "0.5 Hz"}, 0.5),
        ({"highpass": {"Roll-off": "12 dB/octave", "half-amplitude cutoff (Hz)": 0.1}}, 0.1),
        ({"Lowpass": {"Cutoff (Hz)": 35}}, None),
        ("n/a", None),
    ],
)
def test_the_edge_of_a_filter_is_its_cutoff(filters, edge):
    assert filter_edge(filters, "high") == edge
