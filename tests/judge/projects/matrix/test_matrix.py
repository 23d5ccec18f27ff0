import random

import pytest

from matrix import Matrix


def some(seed, size=3):
    numbers = random.Random(seed)
    return Matrix([[numbers.randint(-5, 5) for _ in range(size)] for _ in range(size)])


def test_shape():
    assert Matrix([[1, 2, 3], [4, 5, 6]]).shape == (2, 3)


def test_rows_must_agree():
    with pytest.raises(ValueError):
        Matrix([[1], [1, 2]])


def test_equality_and_hash():
    assert Matrix([[1]]) == Matrix([[1]])
    assert Matrix([[1]]) != Matrix([[2]])
    assert len({Matrix([[1]]), Matrix([[1]])}) == 1


def test_add():
    assert Matrix([[1, 2]]) + Matrix([[3, 4]]) == Matrix([[4, 6]])


def test_add_checks_shapes():
    with pytest.raises(ValueError):
        Matrix([[1]]) + Matrix([[1, 2]])


def test_multiply():
    assert Matrix([[1, 2]]) * Matrix([[3], [4]]) == Matrix([[11]])


def test_multiply_checks_shapes():
    with pytest.raises(ValueError):
        Matrix([[1, 2]]) * Matrix([[1, 2]])


def test_minor():
    assert Matrix([[1, 2, 3], [4, 5, 6], [7, 8, 9]]).minor(1, 1) == Matrix([[1, 3], [7, 9]])


def test_transposed_twice_is_the_same():
    for seed in range(20):
        assert some(seed).transposed().transposed() == some(seed)


def test_multiplication_is_associative():
    for seed in range(20):
        a, b, c = some(seed), some(seed + 100), some(seed + 200)
        assert (a * b) * c == a * (b * c)


def test_det_of_two():
    assert Matrix([[1, 2], [3, 4]]).det() == -2


def test_det_of_three():
    assert Matrix([[2, -1, 0], [1, 3, 2], [0, 5, -4]]).det() == -48


def test_det_of_product_is_product_of_dets():
    for seed in range(20):
        a, b = some(seed), some(seed + 100)
        assert (a * b).det() == a.det() * b.det()


def test_det_of_singular_is_zero():
    for seed in range(20):
        rows = [list(row) for row in some(seed)]
        rows[2] = [x + y for x, y in zip(rows[0], rows[1])]
        assert Matrix(rows).det() == 0


def test_det_needs_a_square():
    with pytest.raises(ValueError):
        Matrix([[1, 2]]).det()
