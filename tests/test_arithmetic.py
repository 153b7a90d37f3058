import pytest
import torch

from galaxypair import arithmetic


def test_products_lose_no_bit_and_the_precision_is_given_back():
    before = torch.get_float32_matmul_precision()
    torch.manual_seed(1)
    a, b = torch.randn(2, 300, 400), torch.randn(2, 400, 200)
    with arithmetic.fast_float32("cpu"):
        found = a @ b
    torch.testing.assert_close(found.double(), a.double() @ b.double(), atol=1e-4, rtol=1e-5)
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize(("exact", "expected"), [(True, "medium"), (False, "highest")])
def test_processor_that_rounds_is_left_as_it_is(monkeypatch, exact, expected):
    monkeypatch.setattr(arithmetic, "_keeps_all_bits", lambda: exact)
    with arithmetic.fast_float32("cpu"):
        assert torch.get_float32_matmul_precision() == expected


def test_other_devices_are_left_alone():
    with arithmetic.fast_float32("gpu"):
        assert torch.get_float32_matmul_precision() == "highest"


def test_rounding_to_bfloat16_is_noticed(monkeypatch):
    real = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: real(a.bfloat16(), b.bfloat16()).float())
    assert not arithmetic._keeps_all_bits()
