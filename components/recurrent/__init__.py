"""Three ways to compute the same LSTM and GRU layers, from the same weights in the same order to the same output.

``keras.layers``    Keras' own, a loop in the graph; cuDNN on a GPU.
``cell_loop``       one cell called by hand for each time step, unrolled in the graph, as tutorials do.
``fused``           the quickest way to train on a CPU.

How Keras names and orders what textbooks write, with x the input [b, d], h the state [b, u], s the logistic function:

LSTM, kernel [d, 4 u] and recurrent kernel [u, 4 u], gates in the order input, forget, candidate, output:
    i = s(x W_i + h U_i + b_i)      f = s(x W_f + h U_f + b_f)      forget bias starts at 1 (``unit_forget_bias``)
    g = tanh(x W_g + h U_g + b_g)   o = s(x W_o + h U_o + b_o)
    c' = f c + i g                  h' = o tanh(c')

GRU, kernel [d, 3 u] and recurrent kernel [u, 3 u], gates in the order update, reset, candidate; two biases [2, 3 u],
the first added to x W, the second (here v) to h U:
    z = s(x W_z + b_z + h U_z + v_z)    r = s(x W_r + b_r + h U_r + v_r)
    g = tanh(x W_g + b_g + r (h U_g + v_g))
    h' = z h + (1 - z) g
The update gate of Cho et al. (2014), section 2.3, also keeps the old state where it is 1; many lecture notes write
h' = (1 - z) h + z g, which is the same layer with z negated before s. The reset gate is applied after the matrix
product and the bias v (``reset_after=True``, what cuDNN computes); in the paper it is applied before.
"""
