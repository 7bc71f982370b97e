from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from deidframe.models import reproducible_torch  # noqa: E402


def settings() -> tuple[int, bool, bool]:
    return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark


def test_it_is_one_thread_inside_and_as_before_afterwards() -> None:
    torch.set_num_threads(2)
    before = settings()
    with reproducible_torch():
        assert settings() == (1, True, False)
        with reproducible_torch():  # one inside another, as aiming inside a synthesizer
            assert settings() == (1, True, False)
        assert settings() == (1, True, False)
    assert settings() == before
    with pytest.raises(KeyError), reproducible_torch():
        raise KeyError("inside")
    assert settings() == before


def test_a_function_can_be_made_so() -> None:
    torch.set_num_threads(2)
    assert reproducible_torch()(settings)() == (1, True, False)
    assert torch.get_num_threads() == 2
