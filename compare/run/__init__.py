"""What every command does alike, whatever happens: its processes, its temporary files, its report, its last line."""
