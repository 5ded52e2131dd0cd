"""Channels as people name them: folders of methods, with or without a name of their own."""

from __future__ import annotations

from pathlib import Path

from spectrack.errors import InputError


def channels(given: tuple[str, ...]) -> dict[str, Path]:
    """Channels from ``FOLDER`` or ``NAME=FOLDER``, in their order.

    Args:
        given: One word a channel.

    Returns:
        Name of each channel to its folder.

    Raises:
        InputError: If there is none, or two have one name.
    """
    from spectrack.fusion.stream import channel_names

    if not given:
        raise InputError("no masks were given; give one folder of masks a method")
    # A folder that is there is taken whole, whatever its name holds.
    named = ["=" in word and not Path(word).exists() for word in given]
    pairs = [word.split("=", 1) if n else ["", word] for word, n in zip(given, named, strict=True)]
    plain = iter(channel_names([Path(folder) for name, folder in pairs if not name]))
    names = [name or next(plain) for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two channels are named {twice[0]}; give each a name of its own")
    return {name: Path(folder) for name, (_, folder) in zip(names, pairs, strict=True)}
