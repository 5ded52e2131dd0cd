"""A pickle reader that imports and calls nothing: unknown things become inert stand-ins.

A pickle is a program whose dangerous words are "import this" and "call that". Here an import gives
a :class:`GlobalName`, which is two strings, and a call gives a :class:`StandIn` that remembers what
would have been called. The exceptions are the few functions of :data:`PLAIN` and of the caller.

It is the standard library's unpickler in its Python form: the C form hashes keys unasked (a nested
tuple as a key overflows its stack) and takes memory for any memo index.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar

from spectrack.weights.stand_ins import GlobalName, StandIn

MAX_STEPS = 2_000_000
"""Words a pickle may have; the checkpoint of a network of 500 tensors has about 60,000."""
MAX_BYTES = 64 * 2**20
REFUSED = ("EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER", "BYTEARRAY8")

Builder = Callable[..., Any]


def unpickle(
    stream: IO[bytes],
    builders: Mapping[str, Builder] | None = None,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read one pickle, from where the stream is up to its end.

    Args:
        stream: Can be sought in.
        builders: Full names of functions of the file, e.g. ``"torch._utils._rebuild_tensor_v2"``,
            to ours that stand for them; they get the arguments as they are in the file.
        persistent: What a persistent id stands for.

    Returns:
        What it holds: plain containers, numbers, text, stand-ins, and what builders made.

    Raises:
        ValueError: If it is damaged, too long, or asks for what is not known.
    """
    start, steps = stream.tell(), 0
    # Read through once before anything is built: lengths are those that are there.
    for steps, (_, _, at) in enumerate(pickletools.genops(stream), 1):
        if steps > MAX_STEPS:
            raise ValueError(f"its pickle has more than {MAX_STEPS} steps")
        if at is not None and at - start > MAX_BYTES:
            raise ValueError("its pickle is too long")
    stream.seek(start)
    try:
        return _Unpickler(stream, PLAIN | dict(builders or {}), persistent, steps).load()
    except (LookupError, TypeError, AttributeError, ArithmeticError, EOFError) as error:
        raise ValueError(f"its pickle is damaged: {type(error).__name__}") from error
    except pickle.UnpicklingError as error:
        raise ValueError(f"its pickle is damaged: {error}") from error


class _Unpickler(pickle._Unpickler):
    """See the module; every word that imports, calls or changes an object is replaced."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
    if TYPE_CHECKING:
        stack: list[Any]

        def pop_mark(self) -> list[Any]: ...

    def __init__(
        self,
        stream: IO[bytes],
        builders: Mapping[str, Builder],
        persistent: Callable[[Any], Any] | None,
        steps: int,
    ) -> None:
        super().__init__(stream, encoding="latin1")
        self._builders, self._persistent, self._steps = builders, persistent, steps

    def find_class(self, module: str, name: str) -> Any:
        """The name alone."""
        if not (isinstance(name, str) and isinstance(module, str)):
            raise ValueError("its pickle imports what is no name")
        return GlobalName(module, name)

    def persistent_load(self, pid: Any) -> Any:
        """What the caller says."""
        if self._persistent is None:
            raise ValueError("its pickle refers to something outside it")
        return self._persistent(pid)

    def _call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple):
            raise ValueError("its pickle calls without a tuple of arguments")
        if isinstance(function, StandIn):
            return StandIn("?", arguments)
        if not isinstance(function, GlobalName):
            raise ValueError("its pickle calls what is no function")
        builder = self._builders.get(str(function))
        if builder is None:
            return StandIn(str(function), arguments)
        # Builders copy what they are given, which a small file could ask for again and again.
        for given in arguments:
            if isinstance(given, str | bytes):
                self._steps += len(given) // 256
            elif isinstance(given, list | tuple | dict | set | frozenset):
                self._steps += len(given)
        if self._steps > MAX_STEPS:
            raise ValueError(f"its pickle has more than {MAX_STEPS} steps")
        return builder(*arguments)

    def _instantiate(self, cls: Any, arguments: Any) -> None:
        self.stack.append(self._call(cls, tuple(arguments)))

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self._call(function, arguments))

    def _newobj_ex(self) -> None:
        keywords, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        made = object_of(cls, state=keywords)
        made.arguments = arguments
        self.stack.append(made)

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        # Attributes of anything else (an OrderedDict of torch has some) say nothing we need.
        if isinstance(target, StandIn):
            target.state = state

    def _dict(self) -> None:
        items = self.pop_mark()
        self.stack.append(mapping_of(zip(items[::2], items[1::2], strict=True)))

    def _frozenset(self) -> None:
        items = self.pop_mark()
        self.stack.append(frozenset(map(key_of, items)))

    def _additems(self) -> None:
        items = self.pop_mark()
        if not isinstance(self.stack[-1], set):
            raise ValueError("its pickle adds to what is no set")
        self.stack[-1].update(map(key_of, items))

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([(key, value)])

    def _setitems(self) -> None:
        items = self.pop_mark()
        self._set(list(zip(items[::2], items[1::2], strict=True)))

    def _set(self, pairs: list[tuple[Any, Any]]) -> None:
        target = self.stack[-1]
        if isinstance(target, StandIn):
            target.items.extend(pairs)
        elif isinstance(target, dict):
            target.update(mapping_of(pairs))
        else:
            raise ValueError("its pickle sets an entry of what is no dict")

    for _name in REFUSED:
        del dispatch[getattr(pickle, _name)[0]]
    dispatch |= {
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _reduce,
        pickle.NEWOBJ_EX[0]: _newobj_ex,
        pickle.BUILD[0]: _build,
        pickle.DICT[0]: _dict,
        pickle.FROZENSET[0]: _frozenset,
        pickle.ADDITEMS[0]: _additems,
        pickle.SETITEM[0]: _setitem,
        pickle.SETITEMS[0]: _setitems,
    }


def key_of(value: Any) -> Any:
    """A key of a dict or set; deep ones are refused, since hashing them would recurse in C.

    Raises:
        ValueError: If it is deep.
        TypeError: If it cannot be hashed.
    """
    if isinstance(value, tuple) and any(isinstance(v, tuple | frozenset) for v in value):
        raise ValueError("a key is nested")
    hash(value)
    return value


def mapping_of(pairs: Iterable[tuple[Any, Any]] = ()) -> dict[Any, Any]:
    """A dict of pairs; its keys are checked by :func:`key_of`."""
    return {key_of(k): v for k, v in pairs}


def object_of(cls: Any, base: Any = None, state: Any = None) -> StandIn:
    """A stand-in for an object of a class; ``base`` is what old pickles name beside it.

    Raises:
        ValueError: If ``cls`` is not the name of one.
    """
    if not isinstance(cls, GlobalName):
        raise ValueError("its pickle makes an object of what is no class")
    return StandIn(str(cls), state=state)


PLAIN: dict[str, Builder] = {
    "collections.OrderedDict": mapping_of,
    "collections.defaultdict": lambda factory=None, pairs=(): mapping_of(pairs),
    "_codecs.encode": lambda text, encoding: text.encode("latin1"),
    **{f"{m}._reconstructor": object_of for m in ("copyreg", "copy_reg")},
}
for _module in ("builtins", "__builtin__"):
    PLAIN[f"{_module}.set"] = lambda items=(): set(map(key_of, items))
    PLAIN[f"{_module}.frozenset"] = lambda items=(): frozenset(map(key_of, items))
    PLAIN[f"{_module}.list"] = lambda items=(): list(items)
    PLAIN[f"{_module}.dict"] = mapping_of
