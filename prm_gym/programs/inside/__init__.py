"""Programs about programs. Their source is handed to the sandbox, where they run with the program that they are about as an argument."""
