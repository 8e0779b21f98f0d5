"""The faces of Warenfluss: today the command line, later a web console and an API beside it.

Packages: `cli` (commands), `machine` (the processes of `warenfluss up`), `demo` (the demo).
A face asks for input, calls a function of the rooms below and words the answer; rules belong in `models`.
Faces do not import each other. May import every room.
"""
