"""A password hasher for tests: argon2 as the product's, without the work that makes it slow."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """The product's spends 0.2 s and 100 MiB on each password, and most tests make a person."""

    time_cost = 1
    memory_cost = 8  # KiB, the least that argon2 takes
    parallelism = 1
