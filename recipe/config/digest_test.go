package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// The digests were made from the config files of sd-mecha 1.1.5 (and from its generators, for
// adapters) by a Python program that shares nothing with this one: of the sorted lines "key,
// dtype, shape", and of the lines "component, key, dtype, shape, aliases, optional" in order.
var configDigests = []struct {
	id           string
	keys         int
	digest, full string
}{
	{"flux-flux", 1439, "a7044777d1a357647c8c3241ab41746165aaf3d7756f9aa4a1c9e7d06312818c", "cb9dff06e427f7fb5a7255ca95cff7db6e2d504e005290f1067df116476dc569"},
	{"sd1-kohya", 1130, "524ac927d5cd4ca0dca56fb1b1583f34b6b7d0bcaeaa5bbbb5e4de194c9e61c6", "3ef6af0ebef8bfa31775bfcb9e60b12c7de106b6ba683afe75614bcc7fdb5b64"},
	{"sd1-ldm", 1831, "d12f24573188b204be65e42cefccc8d16e892fc33b4b5823ad25fc72328bc6ce", "3b52d877f22423f9f06954268db17ea85230aa9bd46e6482e733429c55b591e0"},
	{"sd1-supermerger_blocks", 26, "bc70f5594144061e5dc1ec22dceaecaee5f32bcaa53afbe3aa79d572c39e5f97", "4e58e8d033981ae9c096a47ff45b8cd900678e5763aaf19f1f63a312122215fd"},
	{"sd3-comfyui", 1672, "fafb175ffe2f8e171f50a7f84b639639daea5f510e949630ea092138dafe1e51", "6d4977a17a45a4c21091313dd613cb8d5d55c0bb1da8add3e2d99768beb2caf6"},
	{"sdxl-diffusers_unet_only", 1680, "62f280e8db187f8479b50ed5ea2b9f97feec6f963681ba6db51477d3f7b52b34", "12356d6d6cdf702afc1edf08c8619e39d9776271141ae3a7f1af35ba2ed7f393"},
	{"sdxl-kohya", 2642, "162a6afee1d41bfa38a6fe71ab247f01b84ffea9f73e9f7838f46f25172d8fc3", "cade703b9e50af8ba7d3b75f7a6546891e06865bcb82902daf7c72380395d0ef"},
	{"sdxl-kohya_but_diffusers", 2642, "8733bcced2e6ae81a2827ffb64c5e60d661883f043f51896f8960cf0a14c54ac", "bb192e460747c83d1c5b19b1349e556b15f137e36b8bd3440d0c7972ca150183"},
	{"sdxl-sgm", 2531, "ddbb77bc95131ba89992483c689d40041d520a9ff493ba4bdcd2c6a6180fdb09", "2ecf8202b644f27deb7418eb2ad65e7cbdddc7c7a07eb89c0b1b9914c48cadf5"},
	{"sdxl-supermerger_blocks", 21, "488b1f51d331ef428ebf674311050244ff76cd877ebb08421ee201e32fe32bae", "195cb23b0dc50a9c6f159a6c99ae45b877c0cbcbcc0545dc602a6e23eabe83e5"},
	{"singleton-mecha", 1, "4c1a61b9758400eb03873ffa340f84c814419d380903d107d6aaebc5e75bda9f", "17c4ea56e119d14350c2fda2ab6cd96a1216a8be10d4e4d907d83ea813149a05"},
	{"sdxl-kohya_lycoris_lora", 12485, "79fec8bdf31e5ffe7dee98255b73211ddaf8c52fba755720aa107387bbfeeef4", "4a87ac61d24ef9bf93f2d5affcff0d03909a6cbe9545324156d8a6c4d458d331"},
	{"sdxl-kohya_but_diffusers_lycoris_lora", 12485, "16648bce21e2f1f8258e115167113824b799abdcfc558cb3f17dc35bc8aa8072", "ad4c3f320454470e26bec62cd59121389d227ae160048bf154226b408ec0c66e"},
	{"sd1-kohya_lycoris_lora", 4708, "a5aac43b6cdcf5bf37fe8ac0e1e8df91372ae63342ccd97aa214f380f0467a56", "a484e7fed4971689659babe5851d7e2262127cc01357295f0dc27af9e792bc68"},
	{"sdxl-kohya_kohya_lora", 12485, "35376efec050af2fefd3b54e6e07dd422f6bcc4ba6e1eb902ff4f16fee0f849f", "5f88d174704227b206859a40f5b037ea35a53c855c36e7d89b221361571a15ba"},
	{"sdxl-kohya_but_diffusers_kohya_lora", 12485, "f0b9404fbe78cd128625b43893cb58b985ca2b53fcaa6b9f6fe6d8bb6be143f2", "0e73fcddbe898c40297174d8fcee00e2db7483a7727c914c4b2a2dd435dcc5b7"},
	{"sd1-kohya_kohya_lora", 4708, "572f585960fc17c7ef6c2a14b7c3213cf3bc0045e806c790d1cec3e1eea1a9d5", "ae39d6e66a48ae413937f0fef2ab4424aa9458600840bc4eb129ec1c40210f4c"},
}

func TestConfigsAreThoseOfTheReference(t *testing.T) {
	r := Builtin()
	if len(configDigests) != len(r.All()) {
		t.Errorf("%d configs have no digest", len(r.All())-len(configDigests))
	}
	for _, want := range configDigests {
		row, ok := r.Get(want.id)
		if !ok {
			t.Errorf("%s is not there", want.id)
			continue
		}
		c := row.Make()
		short, full := lines(c)
		slices.Sort(short)
		if c.ID() != want.id || c.Len() != want.keys || sum(short) != want.digest || sum(full) != want.full {
			t.Errorf("%s: %d keys, digest %s, full %s", c.ID(), c.Len(), sum(short), sum(full))
		}
	}
}

// lines writes the table of a config as the digests have it.
func lines(c *Config) (short, full []string) {
	for _, part := range c.Components() {
		for _, k := range part.Keys {
			shape, dtype, optional := "null", "null", "0"
			if k.Shape != nil {
				shape = strings.ReplaceAll(fmt.Sprint([]int64(k.Shape)), " ", ",")
			}
			if k.DType.Valid() {
				dtype = k.DType.RecipeName()
			}
			if k.Optional {
				optional = "1"
			}
			line := strings.Join([]string{k.Name, dtype, shape}, "\t")
			short = append(short, line)
			full = append(full, strings.Join([]string{part.Name, line, strings.Join(k.Aliases, ","), optional}, "\t"))
		}
	}
	return short, full
}

func sum(lines []string) string {
	h := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(h[:])
}

// The published numbers of parameters do not come from the reference.
func TestNetworksHaveThePublishedSize(t *testing.T) {
	for _, c := range []struct {
		name string
		net  net
		want int64
	}{
		{"SD1 UNet", newUNet(sd1UNet), 859_520_964},
		{"SDXL UNet", newUNet(sdxlUNet), 2_567_463_684},
		{"FLUX transformer", newFlux(), 11_901_408_320},
		{"T5-XXL encoder", newT5(), 4_762_310_656},
		{"VAE", newVAE(4, true), 83_653_863},
	} {
		for _, s := range []scheme{schemeA, schemeB} {
			var n int64
			for _, k := range c.net.side(s, "", tensor.F32) {
				n += k.Shape.N()
			}
			if n != c.want {
				t.Errorf("%s: %d elements in scheme %d, want %d", c.name, n, s, c.want)
			}
		}
	}
}

// Detection makes only configs that an input may fit.
func TestKeysBeginWithTheProbesOfTheirConfigs(t *testing.T) {
	for _, row := range Builtin().All() {
		begins := func(name string) bool {
			return slices.ContainsFunc(row.probe, func(p string) bool { return strings.HasPrefix(name, p) })
		}
		c := row.Make()
		for i := range c.Len() {
			for _, name := range append([]string{c.Name(i)}, c.Key(i).Aliases...) {
				if !begins(name) {
					t.Errorf("%s: %s", row.ID, name)
				}
			}
		}
	}
}

func TestStemsAreThoseOfTheReference(t *testing.T) {
	want := map[string]string{
		"sdxl-kohya_lycoris_lora":               "5d9f911ce857f13b04ec5a1b76eec5fc01ff405501577eb171e58349853fda56",
		"sdxl-kohya_but_diffusers_lycoris_lora": "dfc614decf34ef6c8f0a31a7c0f4f259e6220aaba93be9e8497d3f1ffea0e9ec",
		"sd1-kohya_lycoris_lora":                "bce105e02c178d18b649773c0dedb83497bd680dbcc5eea0e57d17aba9d5b098",
		"sdxl-kohya_kohya_lora":                 "d91e095080f7b00732d8aedaca084f14dbcca930b4be3ae76875ada8987d47f6",
		"sdxl-kohya_but_diffusers_kohya_lora":   "e0924ba36bad916f96d7563d8d8eb307b4a44cb6d556b64270263aaf7437b831",
		"sd1-kohya_kohya_lora":                  "e8a11bd92845314a4e385fb70a9871b52f4aa2ba8973452eea24ec1cf1e98874",
	}
	for _, a := range AdapterConfigs() {
		base, _ := Builtin().Get(a.Base)
		var pairs []string
		stems := map[string]bool{}
		for _, target := range Targets(base.Make(), a.Kind) {
			pairs = append(pairs, target.Base.Name+"\t"+target.Stem)
			stems[target.Stem] = true
		}
		slices.Sort(pairs)
		if len(stems) != len(pairs) || sum(pairs) != want[a.ID()] {
			t.Errorf("%s: %d stems of %d targets, digest %s", a.ID(), len(stems), len(pairs), sum(pairs))
		}
	}
}
