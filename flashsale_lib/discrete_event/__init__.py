"""The same drop buyer by buyer, in SimPy, sharing no equation with the model."""
