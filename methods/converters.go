package methods

// converters returns the conversions between model configs: every pair in both
// directions, and block weights.
func converters() []*Method {
	var rows []*Method
	for _, p := range [][2]string{
		{"sd1-kohya", "sd1-ldm"},
		{"sdxl-kohya", "sdxl-sgm"},
		{"sdxl-kohya_but_diffusers", "sdxl-sgm"},
		{"sdxl-diffusers_unet_only", "sdxl-sgm"},
	} {
		rows = append(rows, converter(p[0], p[1]), converter(p[1], p[0]))
	}
	return append(rows,
		blocks("convert_sd1_blocks_to_ldm", "sd1-supermerger_blocks", "sd1-ldm"),
		blocks("convert_sdxl_blocks_to_sgm", "sdxl-supermerger_blocks", "sdxl-sgm"))
}

// converter makes the row of a conversion between two names of one architecture.
func converter(from, to string) *Method {
	same := sameSpace()
	return &Method{
		ID: "convert_'" + from + "'_to_'" + to + "'", Family: "converters", Status: Known,
		Doc:        "The keys of " + from + " renamed to those of " + to + "; projections are joined, cut or transposed where the layouts differ.",
		Source:     reference + ", after the conversion scripts of diffusers",
		Params:     []Param{Input("model", "state dict of "+from).Tied(same).Lazy().OfConfig(from)},
		Return:     Return{Symbol: same, Config: to},
		Conversion: true,
		Control:    true,
	}
}

// blocks makes the row of a conversion of block weights to the keys of a model config.
func blocks(id, from, to string) *Method {
	same := sameSpace()
	return &Method{
		ID: id, Family: "converters", Status: Known,
		Doc:        "The value of a block (BASE, IN00, M00, OUT00, ...) for every key of " + to + " in it, for block weights.",
		Source:     reference + ", after the block weights of supermerger",
		Params:     []Param{Input("blocks", "value of each block; a block without one has no keys").OfType(Any).Tied(same).Lazy().OfConfig(from)},
		Return:     Return{Type: Any, Symbol: same, Config: to},
		Conversion: true,
		Control:    true,
	}
}
