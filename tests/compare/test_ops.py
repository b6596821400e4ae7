"""Every op: values, dtypes, first and second derivatives and errors, as PyTorch has them.

A case is a line `expression ; a ; b ; c`: evaluated in both libraries, with T the library and F its functional part, on
operands described by Python: (2, 3) is normal numbers in that shape, a list or number is itself, and so on (`spec`).
"""

from __future__ import annotations

import itertools
import operator
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .pair import BOTH, Array, assert_same, attempt, derivatives

SMOOTH = """
a + b                    ; (2, 3)       ; (2, 3)
a + b                    ; (2, 3)       ; (3,)
a + b                    ; (2, 1)       ; (1, 3)
a + b                    ; (4, 1, 3)    ; (2, 1)
a + b                    ; ()           ; (2, 3)
a + b                    ; (0, 3)       ; (3,)
a + b                    ; (0,)         ; (1,)
a + a                    ; (2, 3)
a - b                    ; (2, 3)       ; (3,)
a - b                    ; (1,)         ; ()
a - a                    ; (2, 3)
a * b                    ; (2, 3)       ; (2, 1)
a * b                    ; ()           ; ()
a * a                    ; (2, 3)
a / b                    ; (2, 3)       ; pos(3)
a / b                    ; (2, 1)       ; neg(3)
a / a                    ; pos(2, 3)
a ** b                   ; pos(2, 3)    ; (3,)
a ** b                   ; pos()        ; (2,)
a ** a                   ; pos(2, 3)
a ** 3                   ; (2, 3)
a ** 2                   ; (2, 3)
a ** 1                   ; (2, 3)
a ** -2                  ; pos(2, 3)
a ** 0.5                 ; pos(2, 3)
a ** -1.5                ; pos(2, 3)
a ** 0                   ; (2, 3)
2 ** a                   ; (2, 3)
0.5 ** a                 ; (2, 3)
1 ** a                   ; (2, 3)
2 + a                    ; (2, 3)
a + 2                    ; (2, 3)
2.5 - a                  ; (2, 3)
a - 2.5                  ; (2, 3)
3 * a                    ; (2, 3)
a * -3                   ; (2, 3)
3 / a                    ; pos(2, 3)
a / 3                    ; (2, 3)
True + a                 ; (2, 3)
-a                       ; (2, 3)
+a                       ; (2, 3)
abs(a)                   ; pos(2, 3)
a.neg().abs()            ; pos(2, 3)
a.add(b)                 ; (2, 3)       ; (3,)
a.sub(b)                 ; (2, 3)       ; (3,)
a.mul(b)                 ; (2, 3)       ; (3,)
a.div(b)                 ; (2, 3)       ; pos(3)
a.pow(b)                 ; pos(2, 3)    ; (3,)
a.pow(3)                 ; (2, 3)
T.add(a, b)              ; (2, 3)       ; (3,)
T.sub(a, b)              ; (2, 3)       ; (3,)
T.mul(a, b)              ; (2, 3)       ; (3,)
T.div(a, b)              ; (2, 3)       ; pos(3)
T.pow(a, b)              ; pos(2, 3)    ; (3,)
T.neg(a)                 ; (2, 3)
T.abs(a)                 ; pos(2, 3)
a.exp()                  ; (2, 3)
a.log()                  ; pos(2, 3)
a.sqrt()                 ; pos(2, 3)
a.sin()                  ; (2, 3)
a.cos()                  ; (2, 3)
a.tanh()                 ; (2, 3)
a.sigmoid()              ; (2, 3)
a.sigmoid()              ; [-800.0, -40.0, 0.0, 40.0, 800.0]
a.tanh()                 ; [-800.0, -40.0, 0.0, 40.0, 800.0]
a.relu()                 ; (4, 5)
T.exp(a)                 ; ()
T.log(a)                 ; pos(0, 3)
T.sqrt(a)                ; pos(1)
T.sin(a) * T.cos(a)      ; (2, 3)
T.tanh(a)                ; (2, 0)
T.sigmoid(a)             ; ()
T.relu(a)                ; ()
T.sign(a) * a            ; (2, 3)
a.sign()                 ; (2, 3)
T.maximum(a, b)          ; (2, 3)       ; (3,)
T.minimum(a, b)          ; (2, 3)       ; (3,)
a.maximum(b)             ; (2, 1)       ; (3,)
a.minimum(b)             ; ()           ; (3,)
T.max(a, b)              ; (2, 3)       ; (3,)
T.min(a, b)              ; (2, 3)       ; (3,)
a.max(b)                 ; (2, 3)       ; (3,)
a.min(b)                 ; (2, 3)       ; (3,)
a.clamp(-0.5, 0.5)       ; (3, 4)
a.clamp(min=0.1)         ; (3, 4)
a.clamp(max=0.1)         ; (3, 4)
T.clamp(a, -0.5, 1)      ; (3, 4)
a.clamp(b, c)            ; (3, 4)       ; (4,)         ; (3, 1)
a.clamp(min=b)           ; (3, 4)       ; (4,)
a.clamp(max=b)           ; (3, 4)       ; (3, 1)
a.clamp(1.0, -1.0)       ; (3, 4)
T.where(a > 0, a, b)     ; (2, 3)       ; (3,)
T.where(a > 0, a, 2.0)   ; (2, 3)
T.where(a > 0, -1.0, a)  ; (2, 3)
T.where(c, a, b)         ; (3,)         ; ()           ; bools(2, 1)
a.where(c, b)            ; (2, 3)       ; (3,)         ; bools(2, 3)
a.clone() * a            ; (2, 3)
a.sum()                  ; (2, 3)
a.sum()                  ; ()
a.sum()                  ; (0,)
a.sum(1)                 ; (2, 3)
a.sum(-1, True)          ; (2, 3)
a.sum((0, 2))            ; (2, 3, 4)
a.sum([0, -1], keepdim=True) ; (2, 3, 4)
a.sum(dim=())            ; (2, 3)
a.sum(0)                 ; ()
a.sum(-1)                ; ()
a.sum(0)                 ; (0, 3)
a.sum(1)                 ; (0, 3)
T.sum(a, dim=1)          ; (2, 3)
a.mean()                 ; (2, 3)
a.mean(0)                ; (2, 3)
a.mean((0, -1), True)    ; (2, 3, 4)
a.mean(0)                ; ()
a.mean()                 ; (0,)
a.mean(1)                ; (0, 3)
a.mean(0)                ; (0, 3)
T.mean(a, 1, True)       ; (2, 3)
a.amax()                 ; (2, 3)
a.amax(1)                ; (2, 3)
a.amax((0, 2), True)     ; (2, 3, 4)
a.amax(0)                ; ()
a.amax(1)                ; (0, 3)
a.amin()                 ; (2, 3)
a.amin(-1, keepdim=True) ; (2, 3)
T.amin(a, (0, 1))        ; (2, 3, 4)
a.max()                  ; (2, 3)
a.min()                  ; (2, 3)
a.max(0).values          ; (2, 3)
a.max(-1, True)[0]       ; (2, 3)
a.max(0)[0]              ; ()
a.min(1).values          ; (2, 3)
a.min(1, keepdim=True)[0] ; (2, 3, 4)
T.max(a, 1)[0]           ; (2, 3)
T.min(a, 1)[0]           ; (2, 3)
a.max(1)[0]              ; (0, 3)
a.logsumexp(1)           ; (2, 3)
a.logsumexp(-1, True)    ; (2, 3)
a.logsumexp((0, 2))      ; (2, 3, 4)
a.logsumexp(0)           ; ()
a.logsumexp(0)           ; (0, 3)
a.logsumexp(1)           ; (0, 3)
a.logsumexp(0)           ; [800.0, 801.0, -900.0]
T.logsumexp(a, 1)        ; (2, 3)
a.reshape(3, 2)          ; (2, 3)
a.reshape((3, -1))       ; (2, 3)
a.reshape(-1)            ; ()
a.reshape(())            ; (1, 1)
a.reshape(0, 5)          ; (0, 3)
T.reshape(a, (6,))       ; (2, 3)
a.flatten()              ; (2, 3, 4)
a.flatten(1)             ; (2, 3, 4)
a.flatten(0, -2)         ; (2, 3, 4)
a.flatten()              ; ()
a.squeeze()              ; (1, 3, 1)
a.squeeze(0)             ; (1, 3, 1)
a.squeeze(-1)            ; (1, 3, 1)
a.squeeze(1)             ; (1, 3, 1)
a.squeeze()              ; ()
a.squeeze(0)             ; ()
T.flatten(a, 1)          ; (2, 3, 4)
T.squeeze(a)             ; (1, 3, 1)
T.squeeze(a, 2)          ; (1, 3, 1)
T.unsqueeze(a, 1)        ; (2, 3)
a.squeeze((0, 1))        ; (1, 3, 1)
a.squeeze((0, -1))       ; (1, 3, 1)
a.squeeze((-2,))         ; (2, 1, 1)
a.square()               ; (2, 3)
a.dot(b)                 ; (3,)         ; (3,)
a.dot(b)                 ; (0,)         ; (0,)
a.mm(b)                  ; (2, 3)       ; (3, 4)
a.view_as(b)             ; (2, 3)       ; (6,)
a.expand_as(b)           ; (3,)         ; (2, 3)
a.reshape(shape=(3, 2))  ; (2, 3)
a.permute(dims=(1, 0))   ; (2, 3)
a.split(2)               ; (5,)
a.split(2, 1)            ; (2, 5)
a.split([1, 3, 0], -1)   ; (2, 4)
a.split(3)               ; (0, 2)
a.chunk(3)               ; (7,)
a.chunk(4, dim=1)        ; (2, 6)
a.chunk(2)               ; (1,)
a.chunk(2)               ; (0, 2)
a.unbind()               ; (2, 3)
a.unbind(-1)             ; (2, 3)
a.masked_fill(b, 2.5)    ; (2, 3)       ; bools(2, 3)
a.masked_fill(b, 2)      ; (2, 3)       ; bools(3)
(a * 1).relu_()          ; (2, 3)
(a * 1).exp_()           ; (2, 3)
(a * 1).sqrt_()          ; pos(2, 3)
(a * 1).tanh_()          ; (2, 3)
(a * 1).sigmoid_()       ; (2, 3)
(a * 1).masked_fill_(b, 2.5)    ; (2, 3) ; bools(2, 3)
a.unsqueeze(0)           ; (2, 3)
a.unsqueeze(-1)          ; (2, 3)
a.unsqueeze(1)           ; (2, 3)
a.unsqueeze(0)           ; ()
a.transpose(0, 1)        ; (2, 3)
a.transpose(0, -1)       ; (2, 3, 4)
a.transpose(0, 0)        ; ()
T.transpose(a, 1, 2)     ; (2, 3, 4)
a.permute(2, 0, 1)       ; (2, 3, 4)
a.permute((-1, 0, 1))    ; (2, 3, 4)
T.permute(a, (1, 0))     ; (2, 3)
a.t()                    ; (2, 3)
a.t()                    ; (3,)
a.T                      ; (2, 3)
a.mT                     ; (4, 2, 3)
a.expand(4, 2, 3)        ; (2, 3)
a.expand(2, 3)           ; (2, 1)
a.expand(-1, 3)          ; (2, 1)
a.expand((3, 3))         ; (3,)
a.expand(3)              ; ()
a.contiguous()           ; (2, 3)
a.view(3, 2)             ; (2, 3)
a.view(-1)               ; (2, 3)
a[0]                     ; (3, 4)
a[-1]                    ; (3, 4)
a[1, 2]                  ; (3, 4)
a[:, 1]                  ; (3, 4)
a[1:]                    ; (3, 4)
a[::2, 1::2]             ; (3, 4)
a[...]                   ; (3, 4)
a[..., 0]                ; (2, 3, 4)
a[None]                  ; (3, 4)
a[:, None, 1]            ; (3, 4)
a[5:]                    ; (3, 4)
a[()]                    ; (3,)
a[()]                    ; ()
a[...]                   ; ()
a[None, ...]             ; ()
a[b]                     ; (3, 4)       ; ints(3, 5)
a[b]                     ; (3, 4)       ; ints(3, 2, 2)
a[b - 3]                 ; (3, 4)       ; ints(3, 5)
a[:, b]                  ; (3, 4)       ; ints(4, 5)
a[b, c]                  ; (3, 4)       ; ints(3, 2, 1) ; ints(4, 5)
a[b, :, c]               ; (3, 2, 4)    ; ints(3, 5)   ; ints(4, 5)
a[:, b, c]               ; (2, 3, 4)    ; ints(3, 5)   ; ints(4, 5)
a[0, :, b]               ; (3, 2, 4)    ; ints(4, 5)
a[b, :, 0]               ; (3, 2, 4)    ; ints(3, 5)
a[0, b]                  ; (3, 4)       ; ints(4, 5)
a[b, 1:, None]           ; (3, 4)       ; ints(3, 5)
a[None, b]               ; (3, 4)       ; ints(3, 5)
a[..., b]                ; (2, 3, 4)    ; ints(4, 5)
a[b]                     ; (3, 4)       ; ints(3)
a[b]                     ; (3, 4)       ; ints(3, 0)
a[b]                     ; (3, 4)       ; bools(3)
a[b]                     ; (3, 4)       ; bools(3, 4)
a[:, b]                  ; (3, 4)       ; bools(4)
a[b, c]                  ; (2, 3, 4)    ; bools(2, 3)  ; ints(4, 1)
a[b]                     ; ()           ; bools()
a[a > 0]                 ; (3, 4)
a[[0, 2]]                ; (3, 4)
a[[0, 2], [1, 1]]        ; (3, 4)
a[[0, 0, 0]]             ; (3, 4)
a[:, [True, False, True, True]] ; (3, 4)
a[True]                  ; (3, 4)
a[False]                 ; (3, 4)
T.cat([a, b])            ; (2, 3)       ; (1, 3)
T.cat((a, b), 1)         ; (2, 3)       ; (2, 1)
T.cat([a, b], dim=-1)    ; (2, 3)       ; (2, 0)
T.cat([a, a, a])         ; (2,)
T.stack([a, b])          ; (2, 3)       ; (2, 3)
T.stack([a, b], -1)      ; (2, 3)       ; (2, 3)
T.stack((a, a), dim=1)   ; (2, 3)
T.stack([a, b])          ; ()           ; ()
F.pad(a, (1, 2))         ; (2, 3)
F.pad(a, (1, 0, 0, 2), value=1.5) ; (2, 3)
F.pad(a, (-1, 1))        ; (2, 3)
F.pad(a, (0, -1, 2, -1)) ; (3, 3)
F.pad(a, ())             ; (2, 3)
a @ b                    ; (3,)         ; (3,)
a @ b                    ; (2, 3)       ; (3,)
a @ b                    ; (3,)         ; (3, 4)
a @ b                    ; (2, 3)       ; (3, 4)
a @ b                    ; (5, 2, 3)    ; (3,)
a @ b                    ; (3,)         ; (5, 3, 4)
a @ b                    ; (5, 2, 3)    ; (3, 4)
a @ b                    ; (2, 3)       ; (5, 3, 4)
a @ b                    ; (5, 2, 3)    ; (5, 3, 4)
a @ b                    ; (5, 1, 2, 3) ; (6, 3, 4)
a @ b                    ; (1, 2, 3)    ; (5, 3, 4)
a @ b                    ; (6, 5, 2, 3) ; (3,)
a @ b                    ; (3,)         ; (6, 5, 3, 4)
a @ b                    ; (2, 0)       ; (0, 3)
a @ b                    ; (0, 2, 3)    ; (3, 4)
a @ b                    ; (0,)         ; (0,)
a @ a                    ; (3, 3)
a @ a.T                  ; (2, 3)
a.matmul(b)              ; (2, 3)       ; (3,)
T.matmul(a, b)           ; (2, 3)       ; (3, 2)
T.einsum('ij,jk->ik', a, b) ; (2, 3)       ; (3, 4)
T.einsum('ij,jk', a, b)  ; (2, 3)       ; (3, 4)
T.einsum('ij', a)        ; (2, 3)
T.einsum('ji', a)        ; (2, 3)
T.einsum('ij->ji', a)    ; (2, 3)
T.einsum('ij->', a)      ; (2, 3)
T.einsum('ij->j', a)     ; (2, 3)
T.einsum('ii', a)        ; (3, 3)
T.einsum('ii->i', a)     ; (3, 3)
T.einsum('iji->j', a)    ; (3, 2, 3)
T.einsum('iii->i', a)    ; (3, 3, 3)
T.einsum('i,j->ij', a, b) ; (2,)         ; (3,)
T.einsum('i,i', a, b)    ; (3,)         ; (3,)
T.einsum('ij,ij->i', a, b) ; (2, 3)       ; (2, 3)
T.einsum('ij,k->i', a, b) ; (2, 3)       ; (4,)
T.einsum('bij,bjk->bik', a, b) ; (5, 2, 3)    ; (5, 3, 4)
T.einsum('...ij,...jk->...ik', a, b) ; (5, 2, 3)    ; (3, 4)
T.einsum('...ij,...jk', a, b) ; (5, 1, 2, 3) ; (6, 3, 4)
T.einsum('i...->...', a) ; (2, 3, 4)
T.einsum('...->...', a)  ; (2, 3)
T.einsum('ij->...', a)   ; (2, 3)
T.einsum('...ij->ij', a) ; (4, 2, 3)
T.einsum('...i->i...', a) ; (2, 3, 4)
T.einsum('i...j->ji...', a) ; (2, 3, 4, 5)
T.einsum(' i j , j -> i ', a, b) ; (2, 3)       ; (3,)
T.einsum('ij,jk,kl->il', a, b, c) ; (2, 3)       ; (3, 4)       ; (4, 2)
T.einsum('ij,ij,ij->', a, a, b) ; (2, 3)       ; (2, 3)
T.einsum('ii,ij->j', a, b) ; (3, 3)       ; (3, 2)
T.einsum(',ij->ij', a, b) ; ()           ; (2, 3)
T.einsum('ij,ij->ij', a, b) ; (2, 1)       ; (2, 3)
T.einsum('ij,jk->ik', a, b) ; (2, 0)       ; (0, 3)
T.einsum('Ab,bA->A', a, b) ; (2, 3)       ; (3, 2)
T.einsum('ij,jk->ik', [a, b]) ; (2, 3)       ; (3, 4)
a.softmax(1)             ; (2, 3)
a.softmax(dim=0)         ; (2, 3, 4)
T.softmax(a, -1)         ; (2, 3, 4)
F.softmax(a, dim=-1)     ; ()
a.softmax(0)             ; [800.0, 801.0, -900.0]
a.softmax(1)             ; (0, 3)
a.log_softmax(1)         ; (2, 3)
a.log_softmax(-2)        ; (2, 3, 4)
F.log_softmax(a, dim=0)  ; [800.0, 801.0, -900.0]
T.log_softmax(a, 0)      ; ()
F.linear(a, b, c)        ; (2, 3)       ; (4, 3)       ; (4,)
F.linear(a, b)           ; (2, 3)       ; (4, 3)
F.linear(a, b, c)        ; (3,)         ; (4, 3)       ; (4,)
F.linear(a, b, c)        ; (5, 2, 3)    ; (4, 3)       ; (4,)
F.linear(a, b, c)        ; (0, 3)       ; (4, 3)       ; (4,)
F.linear(a, b, c)        ; (2, 3)       ; (4, 3)       ; (2, 4)
F.linear(a, a, b)        ; (3, 3)       ; (3,)
F.linear(a, b)           ; (2, 3)       ; (3,)
F.linear(a, b)           ; (3,)         ; (3,)
F.linear(a, b)           ; (5, 2, 3)    ; (3,)
F.linear(a, b, c)        ; (3,)         ; (3,)         ; ()
F.softmax(a.float(), 1, dtype=T.float64) ; (2, 3)
F.log_softmax(a, dim=0, dtype=T.float32) ; (2, 3)
a.softmax(1)             ; (2, 0)
a.log_softmax(1)         ; (2, 0)
a.log_softmax(0)         ; (2, 0)
a.gather(0, b)           ; (3,)         ; ints(3)
a.gather(0, b * 0)       ; ()           ; ints(3, 2)
a.gather(1, b)           ; (3, 4)       ; ints(4, 2, 0)
a.gather(0, b)           ; (3, 4)       ; ints(3, 0, 9)
F.cross_entropy(a, b)    ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b, reduction='sum') ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b, reduction='none') ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b)    ; (3,)         ; ints(3)
F.cross_entropy(a, b, reduction='none') ; (3,)         ; ints(3)
F.cross_entropy(a, b)    ; (2, 3, 4)    ; ints(3, 2, 4)
F.cross_entropy(a, b, reduction='none') ; (2, 3, 4, 5) ; ints(3, 2, 4, 5)
F.cross_entropy(a, b)    ; (5, 3)       ; prob(5, 3)
F.cross_entropy(a, b, reduction='sum') ; (5, 3)       ; prob(5, 3)
F.cross_entropy(a, b, reduction='none') ; (5, 3)       ; prob(5, 3)
F.cross_entropy(a, b)    ; (3,)         ; prob(3)
F.cross_entropy(a, b)    ; (2, 3, 4)    ; prob(2, 3, 4)
F.cross_entropy(a, b, reduction='none') ; (2, 3, 4)    ; prob(2, 3, 4)
F.cross_entropy(a, a)    ; (5, 3)
F.cross_entropy(a * 500, b) ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b, reduction='sum') ; (0, 3)       ; ints(3, 0)
F.cross_entropy(a, b, c.detach()) ; (5, 3)       ; ints(3, 5)   ; pos(3)
F.cross_entropy(a, b, weight=c.detach(), reduction='sum') ; (5, 3) ; ints(3, 5) ; pos(3)
F.cross_entropy(a, b, weight=c.detach()) ; (2, 3, 4) ; ints(3, 2, 4) ; pos(3)
F.cross_entropy(a, b, weight=c.detach()) ; (5, 3) ; prob(5, 3) ; pos(3)
F.cross_entropy(a, b, weight=c.detach()) ; (3,) ; ints(3) ; pos(3)
F.cross_entropy(a, b, ignore_index=1) ; (5, 3) ; [0, 1, 2, 1, 0]
F.cross_entropy(a, b) ; (5, 3) ; [0, -100, 2, 1, -100]
F.cross_entropy(a, b, weight=c.detach(), ignore_index=1, label_smoothing=0.1) ; (5, 3) ; [0, 1, 2, 1, 0] ; pos(3)
F.cross_entropy(a, b, reduction='none') ; (5, 3) ; [0, -100, 2, 1, -100]
F.cross_entropy(a, b, reduction='sum') ; (2, 3) ; [-100, -100]
F.cross_entropy(a, b, label_smoothing=0.2) ; (5, 3) ; ints(3, 5)
F.cross_entropy(a, b, label_smoothing=0.2, reduction='none') ; (2, 3, 4) ; ints(3, 2, 4)
F.cross_entropy(a, b, label_smoothing=0.2) ; (5, 3) ; prob(5, 3)
F.cross_entropy(a, b, weight=c.detach(), label_smoothing=0.2) ; (2, 3, 4) ; prob(2, 3, 4) ; pos(3)
F.binary_cross_entropy_with_logits(a, b, c.detach()) ; (2, 3)       ; prob(2, 3)    ; pos(3)
F.binary_cross_entropy_with_logits(a, b, pos_weight=c.detach()) ; (2, 3) ; prob(2, 3) ; pos(3)
F.binary_cross_entropy_with_logits(a * 500, b, weight=c.detach(), pos_weight=c.detach()) ; (2, 3) ; prob(2, 3) ; pos(3)
F.binary_cross_entropy_with_logits(a, b, weight=c.detach(), reduction='none') ; (2, 3) ; prob(2, 3) ; pos(2, 1)
T.nn.CrossEntropyLoss(c.detach(), ignore_index=1, label_smoothing=0.1)(a, b) ; (5, 3) ; [0, 1, 2, 1, 0] ; pos(3)
T.nn.BCEWithLogitsLoss(pos_weight=c.detach())(a, b) ; (2, 3) ; prob(2, 3) ; pos(3)
F.binary_cross_entropy_with_logits(a, b) ; (2, 3)       ; prob(2, 3)
F.binary_cross_entropy_with_logits(a, b, reduction='sum') ; (2, 3)       ; prob(2, 3)
F.binary_cross_entropy_with_logits(a, b, reduction='none') ; (2, 3)       ; prob(2, 3)
F.binary_cross_entropy_with_logits(a * 500, b) ; (2, 3)       ; prob(2, 3)
F.binary_cross_entropy_with_logits(a, a) ; (2, 3)
F.binary_cross_entropy_with_logits(a, b) ; ()           ; prob()
F.mse_loss(a, b)         ; (2, 3)       ; (2, 3)
F.mse_loss(a, b, reduction='sum') ; (2, 3)       ; (2, 3)
F.mse_loss(a, b, reduction='none') ; (2, 3)       ; (2, 3)
F.mse_loss(a, a * 2)     ; (2, 3)
F.mse_loss(a, b)         ; ()           ; ()
a.gather(1, b)           ; (3, 4)       ; ints(4, 3, 5)
a.gather(0, b)           ; (3, 4)       ; ints(3, 2, 4)
a.gather(-1, b)          ; (3, 4)       ; ints(4, 2, 1)
T.gather(a, 1, b)        ; (2, 3, 4)    ; ints(3, 2, 2, 2)
a.gather(0, b)           ; (3,)         ; ints(3, 7)
a.gather(0, b * 0)       ; ()           ; ints(3)
T.gather(a, 0, index=b)  ; (3,)         ; ints(3, 0)
F.dropout(a, 0.0)        ; (2, 3)
F.dropout(a, 1.0)        ; (2, 3)
F.dropout(a, p=0.3, training=False) ; (2, 3)
F.relu(a)                ; (2, 3)
F.tanh(a) + F.sigmoid(a) ; (2, 3)
a.float() * 2            ; (2, 3)
a.double() * 2           ; (2, 3)
a.to(T.float32) * b       ; (2, 3)       ; (3,)
(a[0] * a.T[1:].sum(0)[:3] @ b).tanh().log_softmax(0) ; (3, 3)       ; (3, 4)
"""

# Where a function has no derivative, or an infinite one; first order (PyTorch's second ones there are accidents).
SUBGRADIENTS = """
a.relu()                 ; [NAN, INF, -INF, 1.0]
a.max()                  ; [NAN, 1.0, 2.0]
a.min()                  ; [1.0, NAN, 2.0, NAN]
a.sigmoid().log()        ; [-20.0, -700.0, 700.0]
a.half().sigmoid().log() ; [-20.0, -9.0, 9.0]
a.float().sigmoid().log() ; [-20.0, -80.0, 80.0]
a.relu()                 ; [-1.0, 0.0, -0.0, 1.0]
a.abs()                  ; [-1.0, 0.0, -0.0, 1.0]
a.sign()                 ; [-1.0, 0.0, -0.0, 1.0]
a.sqrt()                 ; [0.0, 1.0]
a.log()                  ; [0.0, 1.0]
1 / a                    ; [0.0, 1.0]
a / b                    ; [0.0, 1.0]   ; [0.0, 0.0]
T.maximum(a, b)          ; [1.0, 2.0, 3.0] ; [2.0, 2.0, 2.0]
T.minimum(a, b)          ; [1.0, 2.0, 3.0] ; [2.0, 2.0, 2.0]
T.maximum(a, a)          ; [1.0, 2.0, 3.0]
a.max()                  ; [3.0, 1.0, 3.0, 3.0]
a.min()                  ; [1.0, 1.0, 3.0]
a.amax()                 ; [3.0, 1.0, 3.0, 3.0]
a.amin(0)                ; [[1.0, 2.0], [1.0, 3.0]]
a.amax((0, 1))           ; [[3.0, 2.0], [1.0, 3.0]]
a.max(0)[0]              ; [[3.0, 2.0], [3.0, 2.0], [1.0, 2.0]]
a.min(1)[0]              ; [[3.0, 3.0], [2.0, 2.0]]
a.clamp(1.0, 2.0)        ; [0.0, 1.0, 1.5, 2.0, 3.0]
a.clamp(min=1.0)         ; [0.0, 1.0, 2.0]
a.clamp(max=1.0)         ; [0.0, 1.0, 2.0]
a.clamp(2.0, 1.0)        ; [0.0, 1.0, 1.5, 2.0, 3.0]
a.clamp(1.0, 1.0)        ; [0.0, 1.0, 2.0]
a.clamp(b, c)            ; [0.0, 1.0, 1.5, 2.0, 3.0] ; [1.0, 1.0, 1.0, 1.0, 1.0] ; [2.0, 2.0, 2.0, 2.0, 2.0]
a.clamp(b, c)            ; [0.0, 1.0, 1.5, 2.0, 3.0] ; [2.0, 2.0, 2.0, 2.0, 2.0] ; [1.0, 1.0, 1.0, 1.0, 1.0]
a.clamp(b, c)            ; [0.0, 1.0, 2.0] ; [1.0, 1.0, 1.0] ; [1.0, 1.0, 1.0]
a.clamp(min=b)           ; [0.0, 1.0, 2.0] ; [1.0, 1.0, 1.0]
a.clamp(max=b)           ; [0.0, 1.0, 2.0] ; [1.0, 1.0, 1.0]
a ** 0                   ; [0.0, 1.0, -2.0]
a ** 0.5                 ; [0.0, 1.0]
a ** 1                   ; [0.0, 1.0, -2.0]
a ** 1.5                 ; [0.0, 1.0]
a ** 2                   ; [0.0, 1.0, -2.0]
a ** -1                  ; [0.0, 1.0, -2.0]
a ** b                   ; [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -2.0] ; [0.0, 0.5, 1.0, 2.0, -1.0, 0.0, 2.0]
0 ** a                   ; [0.0, 0.5, 1.0, 2.0, -1.0]
0.0 ** a                 ; [0.0, 0.5, 1.0, 2.0, -1.0]
(-2.0) ** a              ; [0.0, 1.0, 2.0]
(a ** 2).sum().sqrt()    ; [0.0, 0.0]
(a * a).sum() ** 0.5     ; [0.0, 0.0]
a.logsumexp(0)           ; [-INF, -INF]
a.logsumexp(0)           ; [INF, 1.0]
a.logsumexp(0)           ; [-INF, 1.0]
a.softmax(0)             ; [-INF, 1.0]
a.softmax(0)             ; [-INF, -INF]
a.log_softmax(0)         ; [-INF, 1.0]
a.tanh() + a.sigmoid()   ; [NAN, INF, -INF]
a.clamp(0.0, 1.0)        ; [NAN, INF, -INF]
T.maximum(a, b)          ; [NAN, 1.0, INF] ; [1.0, NAN, INF]
a.mean()                 ; [INF, 1.0]
F.cross_entropy(a, b)    ; (0, 3)       ; ints(3, 0)
F.cross_entropy(a, b)    ; (2, 3)       ; [-100, -100]
F.mse_loss(a, b)         ; (0, 3)       ; (0, 3)
F.binary_cross_entropy_with_logits(a, b) ; (0, 3)       ; (0, 3)
F.binary_cross_entropy_with_logits(a, b) ; [0.0, 0.0]   ; [0.0, 1.0]
F.cross_entropy(a, b)    ; [[INF, 1.0]] ; ints(2, 1)
F.cross_entropy(a, b)    ; [[-INF, 1.0]] ; prob(1, 2)
"""

# No derivative: values and dtypes only.
DISCRETE = """
a == b                   ; [1.0, NAN, INF] ; [1.0, NAN, INF]
a != b                   ; [1.0, NAN, INF] ; [1.0, NAN, INF]
a < b                    ; (2, 3)       ; (3,)
a <= b                   ; (2, 3)       ; ()
a > b                    ; (2, 1)       ; (3,)
a >= 0                   ; (2, 3)
0 < a                    ; (2, 3)
a == 1                   ; ints(3, 4)
1.5 >= a                 ; ints(3, 4)
a.eq(b)                  ; ints(3, 4)   ; ints(3, 4)
T.ne(a, b)               ; ints(3, 4)   ; ints(3, 4)
a.lt(0)                  ; (2, 3)
a.le(b)                  ; (2, 3)       ; (3,)
a.gt(b)                  ; (2, 3)       ; (3,)
T.ge(a, b)               ; (2, 3)       ; (3,)
a & b                    ; bools(3)     ; bools(2, 3)
a | b                    ; bools(3)     ; bools(2, 3)
~a                       ; bools(3)
a & b                    ; ints(9, 4)   ; ints(9, 4)
a | b                    ; ints(9, 4)   ; ints(9, 4)
~a                       ; ints(9, 4)
a & 3                    ; ints(9, 4)
3 | a                    ; ints(9, 4)
True & a                 ; bools(4)
a.argmax()               ; (2, 3)
a.argmax(1)              ; (2, 3)
a.argmax(-1, True)       ; (2, 3)
a.argmax(dim=0, keepdim=True) ; (2, 3, 4)
a.argmax()               ; [1.0, 3.0, 3.0]
a.argmax(0)              ; ()
a.argmax()               ; ()
a.argmax()               ; [1.0, NAN, 3.0]
a.argmax(1)              ; (0, 3)
a.argmin()               ; (2, 3)
a.argmin(0)              ; (2, 3)
T.argmin(a, 1, keepdim=True) ; (2, 3)
a.argmin()               ; [3.0, 1.0, 1.0]
a.max(1).indices         ; (2, 3)
a.max(1, True)[1]        ; (2, 3)
a.max(0)                 ; [[3.0, 2.0], [3.0, 2.0]]
a.min(0)[1]              ; (2, 3)
a.max(0)[1]              ; ()
T.any(a)                 ; bools(2, 3)
T.all(a, 1)              ; bools(2, 3)
T.isnan(a)               ; [1.0, NAN, INF]
a.isnan()                ; [1, 2]
T.is_tensor(a)           ; (2, 3)
T.is_tensor(3)           ; (2, 3)
T.numel(a)               ; (2, 3)
a.nelement()             ; (2, 3)
a.stride()               ; (2, 3)
a.T.stride()             ; (2, 3)
a.stride(0)              ; (2, 3)
T.equal(a, a * 1)        ; (2, 3)
T.equal(a, b)            ; (2, 3)       ; (3, 2)
a.equal(a + 1)           ; (2, 3)
T.equal(a, a)            ; [NAN]
T.allclose(a, a + 1e-9)  ; (2, 3)
T.allclose(a, a + 1e-3)  ; (2, 3)
a.allclose(a * 1.01, rtol=0.1)  ; (2, 3)
a.allclose(a)            ; [INF, -INF]
a.allclose(a)            ; [NAN]
a.allclose(a, equal_nan=True)   ; [NAN]
a.new_zeros(3)           ; (2, 3)
a.new_zeros((3, 1))      ; [1, 2]
a.new_zeros(size=(2,), dtype=T.int64)   ; (2, 3)
a.new_ones(2, 2)         ; (2, 3)
a.new_tensor([[1, 2]])   ; (2, 3)
a.new_tensor(2.0)        ; [1, 2]
a.new_tensor([1], dtype=T.float64)   ; [1, 2]
a.new_ones(2).requires_grad      ; (2, 3)
a.new_ones(2, requires_grad=True).requires_grad  ; (2, 3)
a == None                ; (2, 3)
a != None                ; (2, 3)
a == "a"                 ; (2, 3)
f"{a}"                   ; 2.5
f"{a:.1f}"               ; 2.5
a.any()                  ; bools(2, 3)
a.all()                  ; bools(2, 3)
a.any(1)                 ; bools(2, 3)
a.all(-1, True)          ; bools(2, 3)
a.any()                  ; (2, 3)
a.all(0)                 ; ints(2, 3, 4)
a.any()                  ; bools(0)
a.all()                  ; bools(0)
a.any(1)                 ; bools(0, 3)
a.all(0)                 ; bools(0, 3)
a.any()                  ; bools()
a.all()                  ; [1.0, NAN]
T.where(a > 0, 1, 0)     ; (2, 3)
T.where(a > 0, 1.0, 0.0) ; (2, 3)
T.where(a > 0, 1, 0.5)   ; (2, 3)
T.where(a > 0, b, 0.5)   ; (2, 3)       ; ints(3, 2, 3)
a.sum()                  ; ints(9, 3)
a.sum(0)                 ; bools(3)
a.max()                  ; ints(9, 3)
a.amin(0)                ; ints(9, 3, 2)
a.max(0)[0]              ; bools(3, 2)
a.max()                  ; bools(3)
T.cat([a, b])            ; ints(9, 3)   ; (2,)
T.cat([a, b])            ; ints(9, 3)   ; bools(2)
T.stack([a, b])          ; ints(9, 3)   ; (3,)
F.pad(a, (1, 1), value=7) ; ints(9, 3)
a @ b                    ; ints(9, 2, 3) ; ints(9, 3, 2)
T.einsum('ij,jk', a, b)  ; ints(9, 2, 3) ; ints(9, 3, 2)
a.abs()                  ; ints(-9, 4)
a.sign()                 ; ints(-9, 4)
a.relu()                 ; ints(-9, 4)
a.clamp(-2, 2)           ; ints(-9, 4)
a.clamp(-2.5, 2)         ; ints(-9, 4)
a.clamp(min=b)           ; ints(-9, 4)  ; (4,)
a ** 2                   ; ints(-9, 4)
a ** 2.0                 ; ints(-9, 4)
2 ** a                   ; ints(9, 4)
a / 2                    ; ints(-9, 4)
a / b                    ; bools(3)     ; bools(3)
a.int()                  ; (2, 3)
a.long()                 ; (2, 3)
a.bool()                 ; (2, 3)
a.half()                 ; (2, 3)
a.float()                ; ints(9, 3)
a.double()               ; bools(3)
a.to(T.int8)             ; ints(9, 3)
a.to(b)                  ; ints(9, 3)   ; (2,)
a.type_as(b)             ; ints(9, 3)   ; (2,)
a.sigmoid()              ; ints(9, 3)
a.softmax(0)             ; ints(9, 3).astype('f4')
F.cross_entropy(a, b, reduction='none') ; normal(5, 3) ; prob(5, 3).astype('f4')
F.mse_loss(a, b)         ; (3,)         ; ints(9, 3)
T.softmax(a.float(), 0)  ; ints(9, 3)
F.one_hot(a)             ; ints(3, 9)
F.one_hot(a, 5)          ; ints(3, 2, 2)
T.zeros_like(a)          ; ints(9, 3)
T.ones_like(a, dtype=T.float32) ; ints(9, 3)
T.full_like(a, 3)        ; (2, 3)
a.tolist()               ; (2, 3)
a.numel()                ; (2, 3)
a.dim()                  ; (2, 3)
len(a)                   ; (2, 3)
tuple(a.shape)           ; (2, 3)
a.size(1)                ; (2, 3)
a.is_contiguous()        ; (2, 3)
a.is_floating_point()    ; ints(3, 2)
a.item()                 ; (1, 1)
float(a)                 ; ()
int(a)                   ; ints(9)
bool(a)                  ; bools()
[x.item() for x in a]    ; (3,)
1.0 in a                 ; [1.0, 2.0]
f'{a:.3f}'               ; ()
range(5)[a]              ; ints(3)
T.tensor([1, 2]) + 0     ; ()
T.tensor([1, 2.0]) + 0   ; ()
T.tensor(True) | False   ; ()
T.tensor([]) * 1         ; ()
T.tensor([[1, 2], [3, 4]]) @ T.tensor([1, 1]) ; ()
T.zeros(2, 3)            ; ()
T.zeros((2, 3), dtype=T.int64) ; ()
T.ones(())               ; ()
T.full((2,), 3)          ; ()
T.full((2,), 3.0)        ; ()
T.full((2,), True)       ; ()
T.arange(5)              ; ()
T.arange(1, 2, 0.25)     ; ()
T.arange(5, 0, -2)       ; ()
T.arange(2.0)            ; ()
T.linspace(0, 1, 5, dtype=T.float64) ; ()
T.eye(3)                 ; ()
T.eye(2, 3)              ; ()
"""

ERRORS = """
a + b                    ; (2, 3)       ; (2,)
a @ b                    ; (2, 3)       ; (2, 3)
a @ b                    ; ()           ; (3,)
a @ b                    ; (3,)         ; ()
a @ b                    ; (4, 2, 3)    ; (5, 3, 2)
a @ 2                    ; (3,)
a - b                    ; bools(3)     ; bools(3)
-a                       ; bools(3)
a + 'x'                  ; (3,)
a + None                 ; (3,)
a + [1, 2, 3]            ; (3,)
a & b                    ; (3,)         ; (3,)
~a                       ; (3,)
a ** -1                  ; ints(3, 4)
a.sum(2)                 ; (2, 3)
a.sum(-3)                ; (2, 3)
a.sum((0, 0))            ; (2, 3)
a.sum(1)                 ; ()
a.sum(1.5)               ; (2, 3)
a.mean()                 ; ints(3, 4)
a.mean((0, 0))           ; (2, 3)
a.amax((0, -2))          ; (2, 3)
a.amax()                 ; (0,)
a.amax(0)                ; (0, 3)
a.max()                  ; (0,)
a.max(0)                 ; (0, 3)
a.argmax()               ; (0,)
a.argmax(0)              ; (0, 3)
a.argmin(2)              ; (2, 3)
a.any(2)                 ; bools(2, 3)
a.all(1)                 ; bools(2)
a.logsumexp(2)           ; (2, 3)
a.softmax(2)             ; (2, 3)
a.softmax(1)             ; ()
a.log_softmax(-3)        ; (2, 3)
a.reshape(4, 2)          ; (2, 3)
a.reshape(-1, 4)         ; (2, 3)
a.reshape(-1, -1)        ; (2, 3)
a.reshape(0, -1)         ; (0, 3)
a.T.view(6)              ; (2, 3)
a.view(5)                ; (2, 3)
a.dot(b)                 ; (2, 3)       ; (3,)
a.dot(b)                 ; (2,)         ; (3,)
a.mm(b)                  ; (3,)         ; (3, 2)
a.split([1, 1])          ; (3,)
a.split([2, -1, 2])      ; (3,)
a.split(0)               ; (3,)
a.chunk(0)               ; (3,)
a.unbind(2)              ; (2, 3)
a.unbind()               ; ()
a.squeeze((0, 0))        ; (1, 3)
a.squeeze((0, 5))        ; (1, 3)
a.masked_fill(b, 2)      ; (2, 3)       ; (2, 3)
f"{a:.1f}"               ; (3,)
a.flatten(1, 0)          ; (2, 3)
a.flatten(2)             ; (2, 3)
a.squeeze(2)             ; (2, 1)
a.unsqueeze(3)           ; (2, 1)
a.unsqueeze(-4)          ; (2, 1)
a.transpose(0, 2)        ; (2, 3)
a.transpose(0, 1)        ; ()
a.permute(0)             ; (2, 3)
a.permute(0, 0)          ; (2, 3)
a.permute(0, 2)          ; (2, 3)
a.t()                    ; (2, 3, 4)
a.mT                     ; (3,)
a.expand(4, 3)           ; (2, 3)
a.expand(3)              ; (2, 3)
a.expand(-1, 2, 3)       ; (2, 3)
a[2]                     ; (2, 3)
a[-3]                    ; (2, 3)
a[0, 0, 0]               ; (2, 3)
a[::-1]                  ; (3,)
a[1.5]                   ; (3,)
a['x']                   ; (3,)
a[b]                     ; (3,)         ; (3,)
a[b]                     ; (3,)         ; ints(9, 20)
a[b]                     ; (3,)         ; bools(4)
a[b]                     ; (3, 2)       ; bools(3, 3)
a[b, c]                  ; (3, 4)       ; ints(3, 2)   ; ints(4, 3)
a[0]                     ; ()
T.cat([a, b])            ; (2, 3)       ; (2, 2)
T.cat([a, b], 2)         ; (2, 3)       ; (2, 3)
T.cat([a, b])            ; ()           ; ()
T.cat([])                ; ()
T.cat(a)                 ; (2, 3)
T.cat([a, 1.0])          ; (2,)
T.stack([a, b])          ; (2,)         ; (3,)
T.stack([])              ; ()
T.stack([a], 3)          ; (2,)
F.pad(a, (1,))           ; (3,)
F.pad(a, (1, 1, 1, 1))   ; (3,)
F.pad(a, (-2, -2))       ; (3,)
T.where(a, a, a)         ; (3,)
T.where(a > 0, a, b)     ; (3,)         ; (2,)
T.where(a, 1.0, 0.0)     ; ints(3, 2)
a.clamp()                ; (3,)
T.einsum('ij,jk', a, b)  ; (2, 3)       ; (4, 2)
T.einsum('ij', a)        ; (3,)
T.einsum('ii', a)        ; (2, 3)
T.einsum('i,i', a)       ; (3,)
T.einsum('i->ii', a)     ; (3,)
T.einsum('i->j', a)      ; (3,)
T.einsum('i->i->i', a)   ; (3,)
T.einsum('i$', a)        ; (2, 3)
T.einsum('i', a, b)      ; (3,)         ; (3,)
T.einsum('', )           ; ()
F.linear(a, b)           ; (2, 3)       ; (4, 2)
F.linear(a, b, c)        ; (2, 3)       ; (4, 3)       ; (3,)
F.cross_entropy(a, b)    ; (5, 3)       ; ints(3, 4)
F.cross_entropy(a, b)    ; (5, 3)       ; ints(3, 5, 1)
F.cross_entropy(a, b + 3) ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b - 3) ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b)    ; (5, 3)       ; prob(5, 2)
F.cross_entropy(a, b, ignore_index=-1) ; (2, 3) ; [0, -100]
F.cross_entropy(a, b, weight=c.detach()) ; (2, 3) ; [0, 1] ; pos(2)
F.cross_entropy(a, b, label_smoothing=1.5) ; (2, 3) ; [0, 1]
F.cross_entropy(a, b)    ; ints(9, 5, 3) ; ints(3, 5)
F.mse_loss(a, b)         ; ints(9, 3)   ; ints(9, 3)
F.binary_cross_entropy_with_logits(a, b) ; ints(9, 3)   ; ints(9, 3)
F.linear(a, b, c)        ; (2, 3)       ; (3,)         ; ()
a.gather(0, b + 1)       ; ()           ; ints(1)
a.gather(1, b)           ; (3, 4)       ; ints(1)
a.softmax(2)             ; (2, 0)
F.cross_entropy(a, b, reduction='max') ; (5, 3)       ; ints(3, 5)
F.cross_entropy(a, b)    ; ()           ; ints(1)
F.binary_cross_entropy_with_logits(a, b) ; (2, 3)       ; (3,)
F.binary_cross_entropy_with_logits(a, b, reduction='x') ; (2,)         ; (2,)
F.mse_loss(a, b)         ; (2, 3)       ; (2,)
F.mse_loss(a, b, reduction='x') ; (2,)         ; (2,)
F.dropout(a, 1.5)        ; (2,)
F.dropout(a, -0.1)       ; (2,)
F.pad(a, (1, 1), mode='nothing') ; (2,)
F.one_hot(a)             ; (2,)
F.one_hot(a, 2)          ; ints(3, 9)
F.one_hot(a - 3)         ; ints(3, 9)
a.gather(1, b)           ; (3, 4)       ; ints(4, 4, 2)
a.gather(1, b)           ; (3, 4)       ; ints(4, 3)
a.gather(1, b + 4)       ; (3, 4)       ; ints(4, 3, 2)
a.gather(1, b - 4)       ; (3, 4)       ; ints(4, 3, 2)
a.gather(2, b)           ; (3, 4)       ; ints(4, 3, 2)
a.gather(1, b)           ; (3, 4)       ; (3, 4)
a.item()                 ; (2,)
float(a)                 ; (2,)
bool(a)                  ; (2,)
len(a)                   ; ()
list(a)                  ; ()
range(9)[a]              ; (1,)
a.requires_grad_()       ; ints(3, 2)
a.backward()             ; (2,)
(a * 1).requires_grad_().backward() ; (2,)
T.tensor([[1, 2], [3]])  ; ()
T.tensor('x')            ; ()
T.tensor(None)           ; ()
T.zeros(-1)              ; ()
T.arange(0, 5, -1)       ; ()
T.arange(0, 5, 0)        ; ()
a.to('nowhere')          ; (2,)
"""


def lines(table: str) -> list[str]:
    return [line for line in table.strip().splitlines() if line]


def operands(line: str) -> tuple[str, list[Array]]:
    """The expression of a line, and its operands as NumPy arrays, the same ones at every call."""
    expression, *specs = (part.strip() for part in line.split(" ; "))
    rng = np.random.default_rng(zlib.crc32(line.encode()))

    def normal(*shape: int) -> Array:
        return np.asarray(rng.standard_normal(shape))

    spec = {
        "normal": normal,
        "pos": lambda *shape: np.abs(normal(*shape)) + 0.5,
        "neg": lambda *shape: -np.abs(normal(*shape)) - 0.5,
        "prob": lambda *shape: np.asarray(rng.random(shape)),
        "ints": lambda high, *shape: np.asarray(rng.integers(min(high, 0), max(high, 1), shape)),
        "bools": lambda *shape: np.asarray(rng.random(shape) < 0.5),
        "INF": np.inf,
        "NAN": np.nan,
    }
    values = [eval(text, spec) for text in specs]
    return expression, [normal(*v) if isinstance(v, tuple) else np.asarray(v) for v in values]


def strided(x: Array) -> Array:
    """The same values in memory with gaps and in another order."""
    return np.asarray(np.stack([x.T, x.T], -1)[..., 0].T)


def run(library: Any, expression: str, arrays: list[Array], order: int, smooth: bool = True) -> Any:
    """The value of the expression, or with an `order` the list of the value and the derivatives up to that order."""
    leaves = [library.new(x) for x in arrays]
    names = dict(zip("abc", leaves, strict=False))
    floating = [x.requires_grad_() for x in leaves if x.is_floating_point()] if order else []
    result = eval(expression, {"T": library.T, "F": library.F}, names)
    if not order:
        return result
    return [result, *derivatives(library, result, floating, order, smooth)]


@pytest.mark.parametrize("line", lines(SMOOTH))
def test_values_and_two_derivatives(line: str) -> None:
    expression, arrays = operands(line)
    for layout in (np.ascontiguousarray, strided):
        laid_out = [layout(x).reshape(x.shape) for x in arrays]
        ours, theirs = (attempt(run, library, expression, laid_out, 2) for library in BOTH)
        if not ("view" in expression and layout is strided):
            assert not isinstance(theirs, Exception), theirs
        assert_same(ours, theirs)


@pytest.mark.parametrize("line", lines(SUBGRADIENTS))
def test_where_there_is_no_derivative(line: str) -> None:
    expression, arrays = operands(line)
    ours, theirs = (attempt(run, library, expression, arrays, 1, False) for library in BOTH)
    assert not isinstance(theirs, Exception), theirs
    assert_same(ours, theirs)


@pytest.mark.parametrize("line", lines(DISCRETE))
def test_values_and_dtypes(line: str) -> None:
    expression, arrays = operands(line)
    ours, theirs = (attempt(run, library, expression, arrays, 0) for library in BOTH)
    assert not isinstance(theirs, Exception), theirs
    assert_same(ours, theirs)


@pytest.mark.parametrize("line", lines(ERRORS))
def test_errors(line: str) -> None:
    expression, arrays = operands(line)
    ours, theirs = (attempt(run, library, expression, arrays, 0) for library in BOTH)
    assert isinstance(theirs, Exception), f"PyTorch returns {theirs}"
    assert_same(ours, theirs)


# --- dtypes -----------------------------------------------------------------------------------------------------------

DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool".split()
NUMBERS = [True, 3, 2.5]
ARITHMETIC = ["add", "sub", "mul", "truediv", "pow", "eq", "lt", "ge", "and_", "or_"]
FUNCTIONS = ["maximum", "minimum", "where"]
UNARY = "exp log sqrt sin cos tanh sigmoid relu sign abs neg sum mean amax argmax logsumexp".split()


# With bool PyTorch refuses what here counts True as 1, as Python does; and np.sign refuses what PyTorch allows.
BOOL_COUNTS_AS_NUMBER = {"sub", "pow", "relu", "abs", "argmax"}
REFUSES_BOOL = {"sign"}


def excepted(name: str, ours: Any, theirs: Any) -> bool:
    """Whether this is one of the differences named above (in a call with bool)."""
    refused = isinstance(ours, Exception), isinstance(theirs, Exception)
    return name in {(False, True): BOOL_COUNTS_AS_NUMBER, (True, False): REFUSES_BOOL}.get(refused, ())


def of_dtype(library: Any, dtype: str, ndim: int, value: int) -> Any:
    return library.new(np.full((2,) * ndim, value, dtype))


def binary(library: Any, name: str, first: Any, second: Any) -> Any:
    a, b = (of_dtype(library, *x) if isinstance(x, tuple) else x for x in (first, second))
    if name in ARITHMETIC:
        return getattr(operator, name)(a, b)
    if name == "where":
        return library.T.where(library.new(np.array([True, False])), a, b)
    return getattr(library.T, name)(a, b)


@pytest.mark.parametrize("name", [*ARITHMETIC, *FUNCTIONS])
def test_promotion_of_every_pair(name: str) -> None:
    """Tensors with and without axes and Python numbers, of every dtype, on both sides."""
    kinds: list[Any] = [*((d, n) for d in DTYPES for n in (1, 0)), *NUMBERS]
    wrong = []
    for first, second in itertools.product(kinds, kinds):
        tensors = isinstance(first, tuple) + isinstance(second, tuple)
        if not tensors or (tensors == 1 and name in ("maximum", "minimum")):  # of tensors alone in PyTorch
            continue
        pair = [(*x, value) if isinstance(x, tuple) else x for x, value in ((first, 3), (second, 2))]
        ours, theirs = (attempt(binary, library, name, *pair) for library in BOTH)
        if ("bool" in str(pair) or True in pair) and excepted(name, ours, theirs):
            continue
        try:
            assert_same(ours, theirs)
        except AssertionError as error:
            wrong.append(f"{first} {name} {second}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ndim", [0, 1])
def test_dtype_of_functions(name: str, dtype: str, ndim: int) -> None:
    def call(library: Any) -> Any:
        x = of_dtype(library, dtype, ndim, 1)
        return getattr(library.T, name)(x, 0) if name == "logsumexp" else getattr(x, name)()

    ours, theirs = (attempt(call, library) for library in BOTH)
    if not (dtype == "bool" and excepted(name, ours, theirs)):
        assert_same(ours, theirs)


# --- shapes, found by hypothesis --------------------------------------------------------------------------------------


def agree(expression: str, arrays: list[Array], order: int = 2) -> None:
    ours, theirs = (attempt(run, library, expression, arrays, order) for library in BOTH)
    assert_same(ours, theirs)


def filled(shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape))
    return np.asarray(np.sin(np.arange(1.0, count + 1) * (count + 1)).reshape(shape))


sizes = st.integers(0, 3)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=4), st.sampled_from("+-*"))
def test_broadcasting(shapes: Any, symbol: str) -> None:
    agree(f"a {symbol} b", [filled(s) for s in shapes.input_shapes])


@given(st.lists(sizes, max_size=4), st.lists(sizes, max_size=4))
def test_matmul_of_any_shapes(first: list[int], second: list[int]) -> None:
    agree("a @ b", [filled(tuple(first)), filled(tuple(second))])


@given(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, min_side=0, max_side=3, max_dims=2))
def test_matmul_of_shapes_that_fit(shapes: Any) -> None:
    agree("a @ b", [filled(s) for s in shapes.input_shapes])


@given(st.data())
def test_reductions(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    one_dim, dims = st.integers(-len(shape) - 1, len(shape)), st.lists(st.integers(-4, 3), max_size=3)
    dim = data.draw(st.one_of(st.none(), one_dim, dims))
    name = data.draw(st.sampled_from(["sum", "mean", "amax", "logsumexp"]))
    assume(dim or isinstance(dim, int) or name in ("sum", "mean"))  # all axes: not every function of PyTorch knows that
    agree(f"a.{name}(dim={dim}, keepdim={data.draw(st.booleans())})", [filled(shape)], order=2 if 0 not in shape else 1)


@given(st.data())
def test_basic_indexing(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    parts = key if isinstance(key, tuple) else (key,)
    assume(all(not isinstance(p, slice) or p.step is None or p.step > 0 for p in parts))
    agree(f"a[{key!r}]".replace("Ellipsis", "..."), [filled(shape)])


@st.composite
def advanced_keys(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """A shape and the text of a key: integers, slices, None, an Ellipsis, index arrays and masks in any order."""
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    common = draw(st.sampled_from([(), (1,), (2,), (2, 1), (0,)]))
    parts = []
    axis = 0
    while axis < len(shape):
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "array", "array", "mask", "none", "stop"]))
        if kind == "int":
            parts.append(str(draw(st.integers(-n, n - 1))))
        elif kind == "slice":
            parts.append(draw(st.sampled_from([":", "1:", "::2", ":-1"])))
        elif kind == "array":
            full = draw(hnp.arrays(np.int64, draw(st.sampled_from([common, ()])), elements=st.integers(-n, n - 1)))
            parts.append(f"T.tensor({full.tolist()}, dtype=T.int64)")
        elif kind == "mask":
            parts.append(f"T.tensor({draw(st.lists(st.booleans(), min_size=n, max_size=n))})")
        elif kind == "none":
            parts.append("None")
            continue
        else:
            break
        axis += 1
    if axis < len(shape):
        parts.insert(draw(st.integers(0, len(parts))) if axis == 0 else len(parts), "...")
    return shape, ", ".join(parts)


@given(advanced_keys())
@example(((3, 2, 4), "0, :, T.tensor([1, 3, 0])"))
def test_indexing_with_arrays(case: tuple[tuple[int, ...], str]) -> None:
    shape, key = case
    agree(f"a[{key},]", [filled(shape)])


@given(st.data())
def test_reshape(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(sizes, max_size=4)))
    new = data.draw(st.one_of(st.permutations(shape), st.lists(st.integers(-1, 6), max_size=4)))
    agree(f"a.reshape({list(new)})", [filled(shape)])


@given(st.data())
def test_einsum(data: st.DataObject) -> None:
    """Any letters in two or three operands, repeated ones too, with and without a result."""
    size = {c: data.draw(st.integers(1, 3), c) for c in "ijkl"}
    terms = data.draw(st.lists(st.text("ijkl", max_size=3), min_size=1, max_size=3))
    present = sorted({*"".join(terms)})
    result = data.draw(st.one_of(st.none(), st.lists(st.sampled_from(present or ["i"]), unique=True)))
    assume(present or not result)
    equation = ",".join(terms) + ("" if result is None else "->" + "".join(result))
    names = ", ".join("abc"[: len(terms)])
    agree(f"T.einsum({equation!r}, {names})", [filled(tuple(size[c] for c in term)) for term in terms])
