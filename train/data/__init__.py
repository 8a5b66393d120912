"""What training reads: the synthetic world (`synthetic.clip`) and the tracker that scores what was generated from it."""
