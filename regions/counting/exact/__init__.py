"""The model of numbers on which every engine decides.

A network means its float64 parameters, each exactly the rational number that it is; a box means its
bounds, a slice the flat through its points, likewise. Counting regions is a matter of decisions: on
which side of a unit's hyperplane a point lies, whether a form is zero, whether two hyperplanes or
two affine maps coincide, which of two points comes first. Each is taken in one of three ways.

1. *Certified.* Every value carries a bound of its own rounding error, from what was really added
   and multiplied (`rounding`): a value farther from zero than its bound has the sign that float64
   gives it. Where nothing can have been rounded (small integers, zeros) the bound is zero, and a
   zero is a zero. In deep networks values are pairs of float64 numbers (`precise`), with bounds to
   match.
2. *Known by structure.* A vertex lies on the hyperplanes that made it; forms without a constant
   meet in the origin; units whose weights are multiples of each other share a hyperplane; along a
   line, sums whose terms cancel one by one are zero (`line.names`: terms are told by random names
   of 64 bits, so that a sum of others is taken for such a one with a chance of about 2**-50).
3. *Settled.* What is left is computed in integers (`scaled`, `forms`, `solve`, `program`): every
   float64 number is an integer times a power of two.

`Status.EXACT` is given only if every decision was taken in one of these ways. Where exact
arithmetic is out of reach (large convolutional networks), decisions in doubt follow float64, and
the result is `Status.UNCERTIFIED`: it says how many there were, and how close. The principle is
that of robust geometric predicates [1]_.

.. [1] J. R. Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric
   predicates, Discrete Comput. Geom. 18 (1997) 305-363, doi:10.1007/PL00009321.
"""
