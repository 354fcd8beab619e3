"""The numbers of the published validation study, made again from the real nights."""

from pathlib import Path

import pytest

from validation_check import check
from validation_study import ARCHIVE

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_held_out_nights_temazepam_and_recovery_come_out_again(real_data: Path) -> None:
    report = check(ARCHIVE, real_data, ["held-out-nights", "temazepam", "nights-sbc"])
    assert report.faults == []
    assert [f"{number.name}: {number.basis}" for number in report.different] == []
    assert len(report.numbers) > 500
    assert report.notes == ["speed: not made again"]
