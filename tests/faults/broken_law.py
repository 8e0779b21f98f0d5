"""The error that a broken law raises."""


class BrokenLawError(AssertionError):
    """A law does not hold."""

    def __init__(self, law: int, message: str) -> None:
        super().__init__(f"law {law}: {message}")
        self.law = law
