"""How modules, optimizers and schedules are made: a line for each, read like those of the tables (function_cases.py).

A module's line is `expression ; input ; input ...` with n the package `nn`.  Integers get no gradient: so targets that
are compared with a number are integers.
"""

from __future__ import annotations

MODULES = """
n.Linear(4, 3)                              ; (5, 4)
n.Identity()                                ; (2, 3)
n.Flatten()                                 ; (2, 3, 2)
n.Unflatten(1, (2, 3))                      ; (2, 6)
n.Sequential(n.Linear(4, 3), n.Tanh(), n.Dropout(0.3), n.Linear(3, 2)) ; (5, 4)
n.Embedding(5, 3)                           ; ints(5, 2, 4)
n.Embedding(5, 3, padding_idx=1)            ; [[0, 3, 2], [2, 4, 4]]

n.ReLU()                                    ; (3, 4)
n.ReLU(inplace=True)                        ; (3, 4)
n.ReLU6()                                   ; (3, 4)
n.LeakyReLU(0.2)                            ; (3, 4)
n.PReLU(4)                                  ; (3, 4)
n.Hardtanh(-0.5, 0.7)                       ; (3, 4)
n.Hardsigmoid()                             ; (3, 4)
n.Hardswish()                               ; (3, 4)
n.Hardshrink()                              ; (3, 4)
n.Softshrink()                              ; (3, 4)
n.Tanhshrink()                              ; (3, 4)
n.Threshold(0.3, 1.0)                       ; (3, 4)
n.Sigmoid()                                 ; (3, 4)
n.LogSigmoid()                              ; (3, 4)
n.Tanh()                                    ; (3, 4)
n.ELU()                                     ; (3, 4)
n.SELU()                                    ; (3, 4)
n.CELU(0.5)                                 ; (3, 4)
n.GELU()                                    ; (3, 4)
n.GELU("tanh")                              ; (3, 4)
n.SiLU()                                    ; (3, 4)
n.Mish()                                    ; (3, 4)
n.Softplus()                                ; (3, 4)
n.Softsign()                                ; (3, 4)
n.GLU()                                     ; (3, 4)
n.Softmax(1)                                ; (3, 4)
n.Softmax2d()                               ; (2, 3, 2, 2)
n.Softmin(1)                                ; (3, 4)
n.LogSoftmax(1)                             ; (3, 4)

n.Dropout()                                 ; (3, 4)
n.Dropout1d()                               ; (3, 4, 2)
n.Dropout2d()                               ; (3, 4, 2, 2)
n.Dropout3d()                               ; (3, 4, 2, 1, 2)
n.AlphaDropout()                            ; (3, 4)
n.FeatureAlphaDropout()                     ; (3, 4, 2)

n.Conv1d(2, 4, 3, padding=1, groups=2)      ; (2, 2, 5)
n.Conv2d(2, 3, 2, stride=2, padding_mode="reflect", padding=1) ; (2, 2, 4, 3)
n.Conv3d(1, 2, 2, dilation=(1, 2, 1))       ; (1, 1, 3, 3, 2)
n.ConvTranspose1d(2, 3, 3, stride=2)        ; (2, 2, 3)
n.ConvTranspose2d(2, 2, 2, groups=2)        ; (1, 2, 3, 2)
n.ConvTranspose3d(1, 2, 2)                  ; (1, 1, 2, 2, 2)
n.Unfold(2, stride=2)                       ; (2, 1, 4, 4)
n.Fold((4, 4), 2)                           ; (1, 4, 9)
n.MaxPool1d(2)                              ; (2, 2, 5)
n.MaxPool2d(2, padding=1)                   ; (2, 2, 4, 3)
n.AvgPool1d(3, 2)                           ; (2, 2, 5)
n.AvgPool2d(2, padding=1)                   ; (2, 2, 4, 3)
n.LPPool1d(2, 2)                            ; pos(2, 2, 4)
n.LPPool2d(3, 2)                            ; pos(2, 1, 4, 2)
n.AdaptiveAvgPool1d(3)                      ; (2, 2, 5)
n.AdaptiveAvgPool2d((2, 3))                 ; (2, 1, 3, 4)
n.AdaptiveMaxPool1d(3)                      ; (2, 2, 5)
n.AdaptiveMaxPool2d(2)                      ; (2, 1, 3, 4)
n.ZeroPad1d(1)                              ; (2, 1, 3)
n.ZeroPad2d((1, 0, -1, 2))                  ; (2, 1, 3, 2)
n.ZeroPad3d(1)                              ; (1, 1, 2, 1, 2)
n.ConstantPad1d((1, 2), 0.5)                ; (2, 1, 3)
n.ConstantPad2d(1, 0.5)                     ; (2, 1, 3, 2)
n.ConstantPad3d(1, 0.5)                     ; (1, 1, 2, 1, 2)
n.ReflectionPad1d(2)                        ; (2, 1, 3)
n.ReflectionPad2d((1, 1, 2, 0))             ; (2, 1, 3, 2)
n.ReflectionPad3d(1)                        ; (1, 1, 2, 3, 2)
n.ReplicationPad1d(2)                       ; (2, 1, 3)
n.ReplicationPad2d((1, 1, 2, 0))            ; (2, 1, 3, 2)
n.ReplicationPad3d(1)                       ; (1, 1, 2, 1, 2)
n.CircularPad1d(2)                          ; (2, 1, 3)
n.CircularPad2d((1, 1, 2, 0))               ; (2, 1, 3, 2)
n.CircularPad3d(1)                          ; (1, 1, 2, 3, 2)
n.PixelShuffle(2)                           ; (1, 4, 2, 3)
n.PixelUnshuffle(2)                         ; (1, 1, 4, 2)
n.Upsample(scale_factor=2)                  ; (1, 2, 2, 3)
n.Upsample((3, 5), mode="bilinear")         ; (1, 2, 2, 3)

n.BatchNorm1d(3)                            ; (4, 3)
n.BatchNorm1d(3, momentum=None)             ; (4, 3, 2)
n.BatchNorm2d(2)                            ; (3, 2, 2, 2)
n.BatchNorm3d(2, affine=False)              ; (2, 2, 1, 2, 2)
n.InstanceNorm1d(2, affine=True)            ; (2, 2, 4)
n.InstanceNorm2d(2, track_running_stats=True) ; (2, 2, 2, 3)
n.InstanceNorm3d(2)                         ; (2, 2, 1, 2, 2)
n.LayerNorm(4)                              ; (3, 4)
n.GroupNorm(2, 4)                           ; (3, 4, 2)
n.RMSNorm(4)                                ; (3, 4)
n.LocalResponseNorm(2)                      ; (2, 4, 3)

n.RNN(3, 2, num_layers=2, dropout=0.3)      ; (4, 2, 3)
n.LSTM(3, 2, batch_first=True, bidirectional=True) ; (2, 4, 3)
n.GRU(3, 2, num_layers=2)                   ; (4, 2, 3)    ; (2, 2, 2)
n.RNNCell(3, 2)                             ; (2, 3)       ; (2, 2)
n.LSTMCell(3, 2)                            ; (2, 3)
n.GRUCell(3, 2)                             ; (2, 3)
n.MultiheadAttention(4, 2, dropout=0.3)     ; (3, 2, 4)    ; (5, 2, 4)    ; (5, 2, 4)
n.TransformerEncoderLayer(4, 2, 6)          ; (3, 2, 4)
n.TransformerDecoderLayer(4, 2, 6, activation="gelu") ; (3, 2, 4) ; (5, 2, 4)
n.TransformerEncoder(n.TransformerEncoderLayer(4, 2, 6, norm_first=True), 2) ; (3, 1, 4)
n.TransformerDecoder(n.TransformerDecoderLayer(4, 2, 6), 1) ; (3, 1, 4) ; (2, 1, 4)
n.Transformer(4, 2, 1, 1, 6)                ; (3, 1, 4)    ; (2, 1, 4)

n.MSELoss()                                 ; (3, 4)       ; (3, 4)
n.L1Loss()                                  ; (3, 4)       ; (3, 4)
n.SmoothL1Loss(beta=0.5)                    ; (3, 4)       ; (3, 4)
n.HuberLoss(delta=0.7)                      ; (3, 4)       ; (3, 4)
n.NLLLoss()                                 ; (5, 3)       ; ints(3, 5)
n.CrossEntropyLoss(label_smoothing=0.1)     ; (5, 3)       ; ints(3, 5)
n.CrossEntropyLoss(reduction="sum")         ; (5, 3)       ; prob(5, 3)
n.BCELoss()                                 ; prob(3, 4)   ; bools(3, 4) * 1
n.BCEWithLogitsLoss()                       ; (3, 4)       ; prob(3, 4)
n.KLDivLoss(reduction="batchmean")          ; neg(3, 4)    ; prob(3, 4)
n.PoissonNLLLoss()                          ; (3, 4)       ; pos(3, 4)
n.GaussianNLLLoss(full=True)                ; (3, 4)       ; (3, 4)       ; pos(3, 4)
n.MarginRankingLoss(0.3)                    ; (4,)         ; (4,)         ; [1, -1, -1, 1]
n.HingeEmbeddingLoss()                      ; (4,)         ; [1, -1, -1, 1]
n.CosineEmbeddingLoss()                     ; (4, 3)       ; (4, 3)       ; [1, -1, -1, 1]
n.TripletMarginLoss()                       ; (4, 3)       ; (4, 3)       ; (4, 3)
n.TripletMarginWithDistanceLoss(distance_function=n.PairwiseDistance(1), margin=2.0) ; (4, 3) ; (4, 3) ; (4, 3)
n.SoftMarginLoss()                          ; (4,)         ; [1, -1, -1, 1]
n.MultiMarginLoss()                         ; (5, 3)       ; ints(3, 5)
n.MultiLabelSoftMarginLoss()                ; (3, 4)       ; bools(3, 4) * 1
n.CosineSimilarity()                        ; (4, 3)       ; (4, 3)
n.PairwiseDistance()                        ; (4, 3)       ; (4, 3)
"""

WITHOUT_CASE = {
    "Module": "what all of them are made of",
    "Parameter": "a tensor: tests/test_nn.py",
    **dict.fromkeys(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict"), "holds, and computes nothing"),
}
"""The classes of `nn` that no line makes, each with the reason."""

OPTIMIZERS = """
SGD(p, 0.1)
SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
Adam(p, 0.1)
Adam(p, 0.1, amsgrad=True, weight_decay=0.01, maximize=True)
AdamW(p, 0.1)
Adamax(p, 0.1)
NAdam(p, 0.1)
RAdam(p, 0.1)
RMSprop(p, 0.1, momentum=0.5, centered=True)
Adagrad(p, 0.1, lr_decay=0.1)
Adadelta(p, 0.1)
"""

SCHEDULES = """
StepLR(o, 2)
MultiStepLR(o, [1, 3], 0.5)
ConstantLR(o, 0.5, 2)
LinearLR(o, 0.5, total_iters=3)
ExponentialLR(o, 0.8)
PolynomialLR(o, 4, 2.0)
LambdaLR(o, lambda t: 0.9**t)
MultiplicativeLR(o, lambda t: 0.9)
CosineAnnealingLR(o, 4)
CosineAnnealingWarmRestarts(o, 2)
CyclicLR(o, 0.01, 0.1, 2)
OneCycleLR(o, 0.1, 6)
SequentialLR(o, [s.ConstantLR(o, 0.1), s.ExponentialLR(o, 0.9)], [2])
ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)])
ReduceLROnPlateau(o, patience=0, threshold=0.5)
"""


def lines(table: str) -> list[str]:
    """The lines of a table."""
    return [line for line in table.strip().splitlines() if line]
