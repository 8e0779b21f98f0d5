"""The calls that the stand-in answers: one function for each, from `Context` to `Answer`.

Entry point: `calls.run`. Product calls, order calls and the small calls each have their own module; `filters`
reads what several of them share. May import `wire` and the modules above.
"""
