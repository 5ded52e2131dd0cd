"""A machine for pickles that calls nothing: unknown things become inert stand-ins.

A pickle is a program for a stack machine whose dangerous words are "import this" and "call that".
Here an import gives a :class:`GlobalName`, which is two strings, and a call gives a
:class:`StandIn` that remembers what would have been called. Nothing in the file can reach a Python
callable, other than the few builders given by name.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any

from spectrack.weights.stand_ins import (
    PLAIN,
    Builder,
    GlobalName,
    StandIn,
    key_of,
    mapping_of,
    object_of,
)

MAX_STEPS = 2_000_000
"""Words a pickle may have; the checkpoint of a network of 500 tensors has about 60,000."""

CONSTANTS = {
    code.name
    for code in pickletools.opcodes
    if code.arg and not code.stack_before and code.stack_after not in ([], [pickletools.anyobject])
}
"""Words that put their own argument, a number or a text, on the stack."""
FIXED: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


class Machine:
    """Runs one pickle.

    Args:
        builders: Full names of functions of the file, e.g. ``"torch._utils._rebuild_tensor_v2"``,
            to ours that stand for them; they get the arguments as they are in the file.
        persistent: What a persistent id stands for.
    """

    def __init__(
        self,
        builders: Mapping[str, Builder] | None = None,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self._builders = PLAIN | dict(builders or {})
        self._persistent = persistent
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._steps = 0

    def run(self, stream: IO[bytes]) -> Any:
        """Read one pickle, from where the stream is up to its end.

        Returns:
            What it holds: plain containers, numbers, text, stand-ins, and what builders made.

        Raises:
            ValueError: If it is damaged, too long, or asks for what is not known.
        """
        try:
            for code, argument, _ in pickletools.genops(stream):
                if code.name == "STOP":
                    break
                self._count(1)
                self._do(code.name, argument)
            return self._stack.pop()
        except (IndexError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"its pickle is damaged: {type(error).__name__}") from error

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise ValueError(f"its pickle has more than {MAX_STEPS} steps")

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in CONSTANTS:
            stack.append(argument)
        elif name in FIXED:
            stack.append(FIXED[name])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name not in ("PROTO", "FRAME"):
            word = getattr(self, f"_op_{name.lower()}", None)
            if word is None:
                raise ValueError(f"its pickle has {name}, which is not read")
            word(*(argument,) if name in ("GLOBAL", "INST", "PERSID") else ())

    def _marked(self) -> list[Any]:
        """What lies above the last mark; the mark goes."""
        above, self._stack = self._stack, self._below.pop()
        return above

    # --- the stack ---

    def _op_mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _op_pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    def _op_pop_mark(self) -> None:
        self._marked()

    def _op_dup(self) -> None:
        self._stack.append(self._stack[-1])

    # --- containers ---

    def _op_tuple(self) -> None:
        items = tuple(self._marked())
        self._stack.append(items)

    def _op_tuple1(self) -> None:
        self._last(1)

    def _op_tuple2(self) -> None:
        self._last(2)

    def _op_tuple3(self) -> None:
        self._last(3)

    def _last(self, n: int) -> None:
        stack = self._stack
        stack[-n] = tuple(stack[-n:])
        del stack[len(stack) - n + 1 :]

    def _op_empty_list(self) -> None:
        self._stack.append([])

    def _op_empty_dict(self) -> None:
        self._stack.append({})

    def _op_empty_set(self) -> None:
        self._stack.append(set())

    def _op_list(self) -> None:
        items = self._marked()
        self._stack.append(items)

    def _op_dict(self) -> None:
        items = self._marked()
        self._stack.append(mapping_of(zip(items[::2], items[1::2], strict=True)))

    def _op_frozenset(self) -> None:
        items = self._marked()
        self._stack.append(frozenset(key_of(v) for v in items))

    def _op_append(self) -> None:
        item = self._stack.pop()
        self._extend([item])

    def _op_appends(self) -> None:
        self._extend(self._marked())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, StandIn):
            target.items.extend(items)
        elif isinstance(target, list):
            target.extend(items)
        else:
            raise ValueError("its pickle appends to what is no list")

    def _op_additems(self) -> None:
        items = self._marked()
        target = self._stack[-1]
        if not isinstance(target, set):
            raise ValueError("its pickle adds to what is no set")
        target.update(key_of(v) for v in items)

    def _op_setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set([(key, value)])

    def _op_setitems(self) -> None:
        items = self._marked()
        self._set(list(zip(items[::2], items[1::2], strict=True)))

    def _set(self, pairs: list[tuple[Any, Any]]) -> None:
        target = self._stack[-1]
        if isinstance(target, StandIn):
            target.items.extend(pairs)
        elif isinstance(target, dict):
            target.update(mapping_of(pairs))
        else:
            raise ValueError("its pickle sets an entry of what is no dict")

    # --- where an ordinary reader would import and call ---

    def _op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(GlobalName(module, name))

    def _op_stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise ValueError("its pickle imports what is no name")
        self._stack.append(GlobalName(module, name))

    def _call(self, function: Any, arguments: Any) -> None:
        if not isinstance(arguments, tuple):
            raise ValueError("its pickle calls without a tuple of arguments")
        if isinstance(function, StandIn):
            self._stack.append(StandIn("?", arguments))
            return
        if not isinstance(function, GlobalName):
            raise ValueError("its pickle calls what is no function")
        builder = self._builders.get(str(function))
        if builder is None:
            self._stack.append(StandIn(str(function), arguments))
            return
        # Builders copy what they are given, which a small file could ask for again and again.
        for given in arguments:
            if isinstance(given, str | bytes):
                self._count(len(given) // 256)
            elif isinstance(given, list | tuple | dict | set | frozenset):
                self._count(len(given))
        self._stack.append(builder(*arguments))

    def _op_reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._call(function, arguments)

    _op_newobj = _op_reduce

    def _op_newobj_ex(self) -> None:
        keywords, arguments, cls = self._stack.pop(), self._stack.pop(), self._stack.pop()
        made = object_of(cls, state=keywords)
        made.arguments = arguments
        self._stack.append(made)

    def _op_obj(self) -> None:
        cls, *arguments = self._marked()
        self._call(cls, tuple(arguments))

    def _op_inst(self, argument: str) -> None:
        arguments = tuple(self._marked())
        self._op_global(argument)
        self._call(self._stack.pop(), arguments)

    def _op_build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        # Attributes of anything else (an OrderedDict of torch has some) say nothing we need.
        if isinstance(target, StandIn):
            target.state = state

    def _op_binpersid(self) -> None:
        self._op_persid(self._stack.pop())

    def _op_persid(self, argument: Any) -> None:
        if self._persistent is None:
            raise ValueError("its pickle refers to something outside it")
        self._stack.append(self._persistent(argument))
