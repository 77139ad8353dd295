"""Arithmetic without rounding: dyadic numbers, linear algebra and linear programs in integers."""
