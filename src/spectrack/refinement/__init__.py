"""The recipes behind `refine`: the spectral filter over anybody's masks."""
