"""The command line `warenfluss`: one module for each noun, such as `order` or `stock`.

Entry point: `app`, which imports the module of a noun only when its command is called, so that starting is
quick. `frame` opens the database for a command, `options` and `parse` read arguments, `output` prints
tables and JSON.
May import `console.machine`, and `console.demo` for the command that starts it.
"""
