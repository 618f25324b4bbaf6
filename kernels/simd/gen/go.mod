module github.com/mecha-gpu/mecha-gpu/kernels/simd/gen

go 1.26
