"""The codes that a job leaves with; claims like everything else that a job says."""

EXIT_EXCEPTION, EXIT_MEMORY, EXIT_UNFIT = 1, 77, 78
