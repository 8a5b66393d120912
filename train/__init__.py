"""Training: data, engine, and the stages that turn a video generator into a few-step, trajectory-controlled one."""
