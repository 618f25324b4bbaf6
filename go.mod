module github.com/mecha-gpu/mecha-gpu

go 1.26
