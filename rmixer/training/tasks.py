"""Names of the tasks that a training worker runs, as ``module:function``.

No tool follows a name in a string. So each is written once, here or in the ``tasks`` module of
another room, and a test imports all.
"""

WARM = "rmixer.training.worker:warm"
CLOCK = "rmixer.training.worker:clock"
TRAIN_JOB = "rmixer.training.train_job:train_job"
TRAIN_ON_GPU = "rmixer.training.train_on_gpu:train_on_gpu"
