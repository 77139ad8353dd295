"""Methods that choose the masks themselves: blocks, disjoint paths, singular components."""
