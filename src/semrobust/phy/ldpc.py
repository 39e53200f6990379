"""LDPC codes behind one interface: regular ones (pyldpc's draws, `phy.growth`) and 5G NR codes (Sionna).

A code is its Tanner graph plus where the message and the channel bits sit on it, so that one decoder and
one set of code-structure attacks serve both families:

- `parity_check` H (checks, nodes): a word on the nodes is valid when H x = 0 over GF(2);
- `channel_nodes` (n,): the node of each *transmitted* coded bit. A regular code transmits every node. An NR
  code punctures its first 2Z nodes, and parity bits where n is small: they belong to the graph and have LLR 0 at
  the receiver;
- `information_nodes` (k,): the node that holds each message bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from semrobust.errors import ArtifactError
from semrobust.phy.parity import ParityCheck, dense

Bits = npt.NDArray[np.uint8]
Index = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

_DRAWS = 100  # matrices tried before n is called too short for its weights

_NR_MOST, _NR_RATE = 8448, 0.95  # message bits of the first base graph, highest rate that Sionna takes
_NR_SECOND, _NR_SWITCH = 3840, 3824  # message bits of the second, and up to which it is used below rate 2/3


def row_reduce(matrix: Bits) -> tuple[Bits, Index]:
    """Reduced row echelon form over GF(2): non-zero rows (rank, n) uint8, pivot columns (rank,) ascending."""
    from semrobust.phy import elimination  # numba takes a while, and only codes need it

    words, pivots = elimination.packed(matrix).copy(), np.empty(len(matrix), dtype=np.int64)
    rank = elimination.reduce(words, np.arange(matrix.shape[1]), pivots)
    return elimination.unpacked(words[:rank], matrix.shape[1]), pivots[:rank]


@dataclass(frozen=True, eq=False)
class LdpcCode:
    """A binary linear code with its Tanner graph; see the module's text for the fields.

    `family`: 'regular', 'peg', 'nr' or 'custom'. `generator` uint8 (k, n): codeword = message · generator mod 2. A code
    of one's own comes from its H: `from_parity_check`.

    >>> import semrobust, torch
    >>> code = semrobust.LdpcCode.from_parity_check([[1, 1, 0, 1, 0], [0, 1, 1, 0, 1]])
    >>> code.n, code.k
    (5, 3)
    >>> code.encode(torch.tensor([[1, 1, 0]]))
    tensor([[1, 1, 0, 0, 1]], dtype=torch.uint8)
    """

    family: str
    k: int
    n: int
    parity_check: sparse.csr_array[np.uint8, tuple[int, int]]
    generator: Bits
    channel_nodes: Index
    information_nodes: Index

    @classmethod
    def from_parity_check(cls, matrix: ParityCheck, family: str = "custom") -> LdpcCode:
        """Code with the given H (checks, n), kept as it is: columns are not permuted, dependent rows stay.

        `matrix` in any form of `phy.parity`. Pivots are taken from the last columns, so message bits are the first free
        columns and the generator is [I | P] whenever the last n - k columns of H are independent. k = n - rank(H).

        Raises ValueError for what is no parity-check matrix, or leaves no message bits; DataError for an alist file
        that cannot be read.
        """
        parity_check = dense(matrix)
        columns = parity_check.shape[1]
        reduced, pivots = row_reduce(np.ascontiguousarray(parity_check[:, ::-1]))
        reduced, pivots = reduced[:, ::-1], columns - 1 - pivots
        information = np.setdiff1d(np.arange(columns, dtype=np.int64), pivots)
        k = information.size
        if k == 0:
            raise ValueError(f"a parity-check matrix of full column rank {columns} leaves no message bits")
        generator = np.zeros((k, columns), dtype=np.uint8)
        generator[np.arange(k), information] = 1
        generator[:, pivots] = reduced[:, information].T
        graph = sparse.csr_array(parity_check)
        return cls(family, k, columns, graph, generator, np.arange(columns, dtype=np.int64), information)

    @property
    def nodes(self) -> int:
        """Variable nodes of the Tanner graph; n, plus the punctured bits of an NR code."""
        return int(self.parity_check.shape[1])

    @property
    def rate(self) -> float:
        """Code rate k/n."""
        return self.k / self.n

    @cached_property
    def _reader(self) -> tuple[Index, Bits | None]:
        """Codeword positions (k,) and map (k, k) which give the message back; no map if it is there as is."""
        column_of = np.full(self.nodes, -1, dtype=np.int64)
        column_of[self.channel_nodes] = np.arange(self.n)
        positions = column_of[self.information_nodes]
        if np.all(positions >= 0):
            return positions, None
        # Some message bits are punctured. With [G | I] reduced to [T G | T], the k pivot columns p of G
        # satisfy T G_p = I, so the message is c_p T.
        reduced, pivots = row_reduce(np.hstack([self.generator, np.eye(self.k, dtype=np.uint8)]))
        return pivots, reduced[:, self.n :]

    @overload
    def encode(self, bits: torch.Tensor) -> torch.Tensor: ...

    @overload
    def encode(self, bits: Array) -> Array: ...

    def encode(self, bits: torch.Tensor | Array) -> torch.Tensor | Array:
        """Encode messages (batch, k) of 0 and 1 into codewords (batch, n) uint8, of NumPy or torch as they are."""
        if isinstance(bits, np.ndarray):
            return self.encode(torch.from_numpy(bits)).numpy()
        if bits.ndim != 2 or bits.shape[1] != self.k:
            raise ValueError(f"messages of shape {tuple(bits.shape)}: expected (batch, {self.k})")
        return _matmul(bits, self.generator)

    @overload
    def information(self, codewords: torch.Tensor) -> torch.Tensor: ...

    @overload
    def information(self, codewords: Array) -> Array: ...

    def information(self, codewords: torch.Tensor | Array) -> torch.Tensor | Array:
        """Message bits (batch, k) uint8 of codewords or hard decisions (batch, n) of 0 and 1.

        Exact for codewords. For other words a systematic code reads the message positions as they are;
        an NR code, whose first message bits are punctured, solves for them from k independent positions.
        """
        if isinstance(codewords, np.ndarray):
            return self.information(torch.from_numpy(codewords)).numpy()
        if codewords.ndim != 2 or codewords.shape[1] != self.n:
            raise ValueError(f"words of shape {tuple(codewords.shape)}: expected (batch, {self.n})")
        positions, mapping = self._reader
        read = codewords[:, torch.from_numpy(positions).to(codewords.device)]
        return read.to(torch.uint8) if mapping is None else _matmul(read, mapping)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Plain numeric arrays for storage, enough for `from_arrays` to rebuild the code bit-exactly.

        H (CSR indices), the generator (packed bits) and what its nodes are, so that a stored code outlives any library
        and is there at once.
        """
        return {
            "family": np.frombuffer(self.family.encode(), dtype=np.uint8).copy(),
            "size": np.array([self.k, self.n, self.nodes], dtype=np.int64),
            "parity_check_indptr": self.parity_check.indptr.astype(np.int64),
            "parity_check_indices": self.parity_check.indices.astype(np.int64),
            "generator": np.packbits(self.generator, axis=1),
            "channel_nodes": self.channel_nodes.copy(),
            "information_nodes": self.information_nodes.copy(),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> LdpcCode:
        """Inverse of `to_arrays`; refuses arrays that do not form a code."""
        try:
            family = arrays["family"].tobytes().decode()
            k, n, nodes = (int(value) for value in arrays["size"])
            indptr, indices = arrays["parity_check_indptr"], arrays["parity_check_indices"]
            ones = np.ones(indices.size, dtype=np.uint8)
            parity_check = sparse.csr_array((ones, indices, indptr), shape=(indptr.size - 1, nodes))
            generator = np.unpackbits(arrays["generator"], axis=1, count=n)
            channel, information = (arrays[f"{name}_nodes"].astype(np.int64) for name in ("channel", "information"))
            code = cls(family, k, n, parity_check, generator, channel, information)
            sound = code._sound()
        except (KeyError, ValueError, IndexError, UnicodeDecodeError) as error:
            raise ArtifactError(f"stored LDPC code is incomplete or damaged ({error}); build it again") from error
        if not sound:
            raise ArtifactError("stored LDPC code is damaged: its generator is not one of its parity-check matrix")
        return code

    def _sound(self) -> bool:
        """Whether each row of the generator is sent by one word of the graph, which holds that row's unit message.

        Nodes that are not transmitted, message bits or not, follow from H: with columns u for them and c for the
        others, H_u x_u = H_c x_c must have one solution. Where it has several, two messages share a codeword.
        """
        hidden = np.setdiff1d(np.arange(self.nodes), self.channel_nodes)
        sent = np.asarray(self.parity_check[:, self.channel_nodes].astype(np.int64) @ self.generator.T) % 2
        system = np.hstack([self.parity_check[:, hidden].toarray(), sent.astype(np.uint8)])
        solved, pivots = row_reduce(system)
        if not np.array_equal(pivots, np.arange(hidden.size)):
            return False
        words = np.zeros((self.k, self.nodes), dtype=np.uint8)
        words[:, self.channel_nodes], words[:, hidden] = self.generator, solved[:, hidden.size :].T
        return np.array_equal(words[:, self.information_nodes], np.eye(self.k))


def _matmul(left: torch.Tensor, right: Bits) -> torch.Tensor:
    """Product over GF(2), uint8; float32 sums of 0/1 products are exact up to 2^24, far above any k here."""
    product = left.float() @ torch.from_numpy(right).to(left.device, torch.float32)
    return product.remainder_(2).to(torch.uint8)


def shared_pairs(n: int, column_weight: int, row_weight: int) -> float:
    """Mean number of pairs of bits with the same checks in a draw of Gallager's construction.

    There are n (row_weight - 1) / 2 pairs with a common check in the first of its `column_weight` layers; each other
    layer brings two bits together with probability (row_weight - 1) / (n - 1).
    """
    return n * (row_weight - 1) / 2 * ((row_weight - 1) / (n - 1)) ** (column_weight - 1)


def regular_matrix(n: int, column_weight: int, row_weight: int, seed: int) -> Index:
    """H of Gallager's construction, int64 (checks, n), as pyldpc draws it.

    Now and then (about 62/n of the draws for weights 3, 6) it gives two bits the same checks, hence a codeword of
    weight 2 that no decoder can protect. Such a matrix is drawn again, from the same stream, so every other seed gives
    exactly the code of `make_ldpc(..., seed=seed)`. Raises ValueError if there is none, or if 100 draws all have such
    bits, as they may where `shared_pairs` is above 1.
    """
    if n <= 0:
        raise ValueError(f"code length n = {n} must be positive")
    if not 2 <= column_weight < row_weight:
        raise ValueError(
            f"weights ({column_weight}, {row_weight}): a positive rate needs 2 <= column_weight < row_weight"
        )
    if n % row_weight:
        raise ValueError(f"row_weight {row_weight} must divide n = {n} for a regular code")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed} must be in 0..2^32-1")
    import pyldpc  # seconds, and only the making of a code needs it

    stream = np.random.RandomState(seed)  # the legacy generator, as pyldpc draws from no other
    for _ in range(_DRAWS):
        drawn = pyldpc.parity_check_matrix(n, column_weight, row_weight, seed=stream)
        if len(np.unique(drawn, axis=1).T) == n:
            return np.asarray(drawn, dtype=np.int64)
    raise ValueError(
        f"n = {n} is too short for weights ({column_weight}, {row_weight}): bits keep sharing all their checks"
    )


def regular_code(n: int, column_weight: int, row_weight: int, seed: int) -> LdpcCode:
    """Regular Gallager code of `regular_matrix` (systematic, seeded); rate about 1 - column/row weight.

    H and its column order are those of `pyldpc.make_ldpc(..., systematic=True)`. Its generator is not trusted: our own
    elimination finds rank and generator from H, and the two must agree (a systematic generator with a given message
    set is unique).
    """
    matrix = regular_matrix(n, column_weight, row_weight, seed)
    import pyldpc

    drawn, generator = pyldpc.coding_matrix_systematic(matrix)
    parity_check = np.asarray(drawn, dtype=np.uint8)
    code = LdpcCode.from_parity_check(parity_check, "regular")
    columns, rows = parity_check.sum(axis=0), parity_check.sum(axis=1)
    if np.any(columns != column_weight) or np.any(rows != row_weight):
        raise RuntimeError("pyldpc returned a parity-check matrix that is not regular")
    if not np.array_equal(code.generator, np.asarray(generator, dtype=np.uint8).T):
        raise RuntimeError("pyldpc returned a generator that does not belong to its parity-check matrix")
    return code


def no_nr_code(k: int, n: int) -> str | None:
    """Why the standard, as Sionna implements it, has no code of these sizes; None if it has one.

    Repetition and segmentation are left out. A few codes of less than 32 message bits are refused when they are made.
    """
    if not 12 <= k <= _NR_MOST:
        return f"it must have 12 <= k <= {_NR_MOST} message bits"
    if not n <= 5 * k or not k / n <= _NR_RATE:
        return f"its rate must be from 1/5 to {_NR_RATE}"
    if n > 3 * k and k > (_NR_SECOND if n >= 4 * k else _NR_SWITCH):
        return f"below rate 1/3 it must have at most {_NR_SWITCH} message bits, and {_NR_SECOND} up to rate 1/4"
    return None


def nr_code(k: int, n: int) -> LdpcCode:
    """5G NR LDPC code (3GPP TS 38.212 §5.3.2, rate matching §5.4.2.1, redundancy version 0), from Sionna.

    No CRC, no segmentation, no bit interleaver: coded bits go to symbols in their natural order. The graph is
    the mother code's without the checks of untransmitted degree-1 parity bits, and without the filler bits
    (known zeros): both removals change nothing in decoding. The generator holds the encoded unit messages.
    """
    if n <= 0:
        raise ValueError(f"code length n = {n} must be positive")
    if reason := no_nr_code(k, n):
        raise ValueError(f"no NR code with k = {k}, n = {n}: {reason}")
    from sionna.phy.fec import ldpc as sionna_ldpc  # seconds, and only the making of a code needs it

    encoder = sionna_ldpc.LDPC5GEncoder(k, n, device="cpu")
    decoder = sionna_ldpc.LDPC5GDecoder(encoder, device="cpu")
    graph = sparse.csr_array(decoder.pcm.astype(np.uint8))
    kept = np.r_[0:k, encoder.k_ldpc : graph.shape[1]]
    generator = encoder(torch.eye(k)).to(torch.uint8).numpy()
    first = 2 * encoder.z
    channel = np.arange(first, first + n, dtype=np.int64)
    code = LdpcCode("nr", k, n, graph[:, kept].tocsr(), generator, channel, np.arange(k, dtype=np.int64))
    if not code._sound():  # (24, 26) for one: the few parity bits sent do not make up for the punctured message bits
        raise ValueError(f"no NR code with k = {k}, n = {n}: two messages would share a codeword")
    return code
