"""Types that a skops file may hold without consent, beyond those that skops trusts itself.

Each is library code whose state is numbers and settings: rebuilding one runs no code of the
file's choosing. Transformers of arbitrary functions, and every class that is not listed, need
consent. Trees are on skops' own cautious side because a forged node array makes them read
outside their memory; `files` therefore checks the nodes of every tree it loads.
"""

_PLAIN = frozenset({"collections.OrderedDict", "numpy.dtype", "sklearn.utils._bunch.Bunch"})

_TREES = frozenset(
    {
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)

_NEIGHBOURS = frozenset(
    {
        f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
        for name in ("Chebyshev", "Euclidean", "Hamming", "Haversine", "Manhattan", "Minkowski")
        for bits in (32, 64)
    }
    | {
        f"sklearn.neighbors.{module}.{name}"
        for module, base in (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))
        for name in (base, f"{base}32", f"{base}64")
    }
)

_GAUSSIAN_PROCESSES = frozenset(
    {"sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace"}
    | {
        f"sklearn.gaussian_process.kernels.{name}"
        for name in (
            "CompoundKernel",
            "ConstantKernel",
            "DotProduct",
            "Exponentiation",
            "ExpSineSquared",
            "Matern",
            "Product",
            "RationalQuadratic",
            "RBF",
            "Sum",
            "WhiteKernel",
        )
    }
)

_MODEL_PARTS = frozenset(
    {
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)

_BOOSTERS = frozenset(
    {
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRegressor",
    }
)

TRUSTED = _PLAIN | _TREES | _NEIGHBOURS | _GAUSSIAN_PROCESSES | _MODEL_PARTS | _BOOSTERS
