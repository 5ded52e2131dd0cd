"""A transformer that encodes tokens and decodes queries: DETR (Carion et al., ECCV 2020; STARK).

Layers normalise after they add (post-norm). Positions are added to queries and keys in every layer,
never to values. Tokens are (B, N, C): pictures, tokens, channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError


class Attention(nn.Module):
    """Attention of several heads (Vaswani et al., NeurIPS 2017, section 3.2.2).

    Args:
        width: Channels C of a token.
        heads: Among which they are divided.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"{width} channels do not divide into {heads} heads; give a divisor")
        self.heads = heads
        # query, key and value one below the other, as published weights hold them
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None = None
    ) -> Tensor:
        """Mixtures of values, by how queries and keys agree.

        Args:
            query: (B, M, C).
            key: (B, N, C).
            value: (B, N, C).
            seen: bool (B, N), the tokens that may be read; all of them where None. A picture has at
                least one.

        Returns:
            (B, M, C).
        """
        parts = zip(
            (query, key, value),
            self.in_proj_weight.chunk(3),
            self.in_proj_bias.chunk(3),
            strict=True,
        )
        # (B, N, C) -> (B, heads, N, C / heads)
        q, k, v = (F.linear(x, w, b).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for x, w, b in parts)  # fmt: skip
        mask = None if seen is None else seen[:, None, None]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class _Layer(nn.Module):
    """What layers of encoder and decoder end with: two linear maps of each token by itself."""

    def __init__(self, width: int, hidden: int, dropout: float, norms: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        for number in range(norms):
            self.add_module(f"norm{number + 1}", nn.LayerNorm(width))

    def _join(self, number: int, x: Tensor, change: Tensor) -> Tensor:
        joined: Tensor = self.get_submodule(f"norm{number}")(x + self.dropout(change))
        return joined

    def _transform(self, x: Tensor) -> Tensor:
        changed: Tensor = self.linear2(self.dropout(F.relu(self.linear1(x))))
        return changed


class EncoderLayer(_Layer):
    """Tokens look at each other, then each is transformed.

    Args:
        width: Channels of a token.
        heads: Of the attention.
        hidden: Channels within the transformation.
        dropout: Share dropped while learning.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__(width, hidden, dropout, norms=2)
        self.self_attn = Attention(width, heads)

    def forward(self, x: Tensor, positions: Tensor, seen: Tensor | None) -> Tensor:
        """Tokens (B, N, C) with their positions; see :meth:`Attention.forward`."""
        placed = x + positions
        x = self._join(1, x, self.self_attn(placed, placed, x, seen))
        return self._join(2, x, self._transform(x))


class DecoderLayer(_Layer):
    """Queries look at each other, then at the encoded tokens, then each is transformed.

    Args:
        width: Channels of a token.
        heads: Of each attention.
        hidden: Channels within the transformation.
        dropout: Share dropped while learning.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__(width, hidden, dropout, norms=3)
        self.self_attn = Attention(width, heads)
        self.multihead_attn = Attention(width, heads)

    def forward(
        self,
        x: Tensor,
        queries: Tensor,
        memory: Tensor,
        placed_memory: Tensor,
        seen: Tensor | None,
    ) -> Tensor:
        """What queries have found so far (B, M, C), and more.

        Args:
            x: What they found.
            queries: What they ask for, (1, M, C).
            memory: Encoded tokens, (B, N, C).
            placed_memory: The same with their positions.
            seen: See :meth:`Attention.forward`.
        """
        placed = x + queries
        x = self._join(1, x, self.self_attn(placed, placed, x))
        x = self._join(2, x, self.multihead_attn(x + queries, placed_memory, memory, seen))
        return self._join(3, x, self._transform(x))


class Encoder(nn.Module):
    """Encoder layers one after the other, without a normalisation behind them."""

    def __init__(self, layers: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(width, heads, hidden, dropout) for _ in range(layers)
        )

    def forward(self, x: Tensor, positions: Tensor, seen: Tensor | None) -> Tensor:
        """See :meth:`EncoderLayer.forward`."""
        for layer in self.layers:
            x = layer(x, positions, seen)
        return x


class Decoder(nn.Module):
    """Decoder layers one after the other, and a normalisation."""

    def __init__(self, layers: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(width, heads, hidden, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, queries: Tensor, memory: Tensor, positions: Tensor, seen: Tensor | None
    ) -> Tensor:
        """What queries (1, M, C) find in tokens (B, N, C): (B, M, C)."""
        placed = memory + positions
        x = queries.new_zeros(len(memory), *queries.shape[1:])
        for layer in self.layers:
            x = layer(x, queries, memory, placed, seen)
        out: Tensor = self.norm(x)
        return out


class Transformer(nn.Module):
    """Encoder and decoder.

    Args:
        width: Channels of a token.
        heads: Of every attention.
        layers: Of the encoder, and of the decoder.
        hidden: Channels within the transformation of a layer.
        dropout: Share dropped while learning.
    """

    def __init__(
        self,
        width: int = 256,
        heads: int = 8,
        layers: int = 6,
        hidden: int = 2048,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(layers, width, heads, hidden, dropout)
        self.decoder = Decoder(layers, width, heads, hidden, dropout)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self, tokens: Tensor, positions: Tensor, queries: Tensor, seen: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode tokens and answer queries from them.

        Args:
            tokens: (B, N, C).
            positions: Of the tokens, (B, N, C).
            queries: (1, M, C).
            seen: bool (B, N), tokens that may be read; all where None.

        Returns:
            Encoded tokens (B, N, C), and what every query found (B, M, C).
        """
        memory: Tensor = self.encoder(tokens, positions, seen)
        found: Tensor = self.decoder(queries, memory, positions, seen)
        return memory, found
