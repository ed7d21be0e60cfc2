"""The codes that a job leaves with, and the words of the records of a run; claims like everything else that a job says."""

EXIT_EXCEPTION, EXIT_MEMORY, EXIT_UNFIT = 1, 77, 78
REACHED, END = "reached", "end"
