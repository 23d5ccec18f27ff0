"""Matrices of exact fractions.

>>> from matrix import Matrix
>>> Matrix([[1, 2], [3, 4]]).det()
Fraction(-2, 1)
"""

from fractions import Fraction


class Matrix:
    """A rectangular matrix.

    >>> Matrix([[1, 2], [3, 4]]) * Matrix.identity(2)
    Matrix([[1, 2], [3, 4]])
    """

    def __init__(self, rows):
        self.rows = tuple(tuple(Fraction(value) for value in row) for row in rows)
        if len({len(row) for row in self.rows}) > 1:
            raise ValueError("rows differ in length")

    @classmethod
    def identity(cls, size):
        """
        >>> Matrix.identity(2)
        Matrix([[1, 0], [0, 1]])
        """
        return cls([[int(i == j) for j in range(size)] for i in range(size)])

    @property
    def shape(self):
        return len(self.rows), len(self.rows[0]) if self.rows else 0

    def __getitem__(self, place):
        row, column = place
        return self.rows[row][column]

    def __iter__(self):
        return iter(self.rows)

    def __eq__(self, other):
        if not isinstance(other, Matrix):
            return NotImplemented
        return self.rows == other.rows

    def __hash__(self):
        return hash(self.rows)

    def __add__(self, other):
        if self.shape != other.shape:
            raise ValueError("shapes differ")
        return Matrix([[a + b for a, b in zip(left, right)] for left, right in zip(self, other)])

    def __mul__(self, other):
        if self.shape[1] != other.shape[0]:
            raise ValueError("shapes do not fit")
        columns = list(zip(*other.rows))
        return Matrix([[sum(a * b for a, b in zip(row, column)) for column in columns] for row in self])

    def transposed(self):
        """
        >>> Matrix([[1, 2, 3]]).transposed()
        Matrix([[1], [2], [3]])
        """
        return Matrix(zip(*self.rows))

    def minor(self, row, column):
        """The matrix without one row and one column."""
        return Matrix(
            [value for j, value in enumerate(values) if j != column]
            for i, values in enumerate(self.rows)
            if i != row
        )

    def det(self):
        """The determinant, by the first row.

        >>> Matrix([[2]]).det()
        Fraction(2, 1)
        >>> Matrix([[2, 0, 0], [0, 3, 0], [0, 0, 4]]).det()
        Fraction(24, 1)
        >>> Matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).det()
        Fraction(1, 1)
        """
        rows, columns = self.shape
        if rows != columns:
            raise ValueError("not square")
        if rows == 0:
            return Fraction(1)
        if rows == 2:
            return self[0, 0] * self[1, 1] - self[0, 1] * self[1, 0]
        return sum(self[0, j] * self.minor(0, j).det() for j in range(columns))

    def __repr__(self):
        rows = ", ".join("[" + ", ".join(str(value) for value in row) + "]" for row in self.rows)
        return f"Matrix([{rows}])"
