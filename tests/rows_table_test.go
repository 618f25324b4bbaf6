package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// row is a row of the table of behaviour in which this program and the reference may differ: what
// it is about, and the tests that show what this program does. Names without a folder are of
// tests in this one. A note says why there is no test, or in what the program differs from the
// table.
type row struct {
	about string
	tests string
	note  string
}

// rows is the whole table, in order from row 1.
var rows = []row{
	{"output path equals an input path", "cmd/mecha-gpu.OutputMayBeAnInput stream/safetensors.TheOutputMayBeAnInput", ""},
	{"failed or cancelled merge", "WhateverFailsTheOutputIsOldOrComplete CancelledMergeLeavesNothing", ""},
	{"truncated or malformed input", "BadInputIsRefused", ""},
	{"8-bit floats", "Row4EightBitFloats", ""},
	{"bytes of a slice", "stream/safetensors.TheBytesOfAFileAreFixed stream/safetensors.CommitFailsWhereBytesAreMissing", ""},
	{"header alignment", "Row6TensorsAreAligned", ""},
	{"header reservation", "stream/safetensors.AHeaderThatCannotBeReadBackIsNotPublished stream/safetensors.DroppedTensorsLeaveNoHole", ""},
	{"data order in the output", "SameBytesWhateverTheSettings stream/safetensors.OrderPutsLargeElementsFirst", ""},
	{"read order", "Row9FilesAreReadInOrder", "the order is that of the output, which files that this program wrote share"},
	{"one tensor, several consumers", "Row10SharedTensorsAreReadOnce", ""},
	{"metadata of the output", "Row16OutputCarriesTheRecipeThatRan", ""},
	{"integers under an output dtype", "plan.IntegersPassThrough", ""},
	{"default output dtype", "Row13OutputKeepsTheFirstType", ""},
	{"in-memory result", "Row14MergeInMemory", ""},
	{"output mapping of the user", "Row14MergeInMemory", ""},
	{"embedded recipe and fallback model", "Row16OutputCarriesTheRecipeThatRan", ""},
	{"recipe that cannot be written", "Row17RecipeThatCannotBeWrittenIsAWarning", ""},
	{"structural equality of nodes", "recipe.DigestsTellValuesApart", ""},
	{"graph walks", "Row19DiamondOf40Levels recipe.DiamondsOfDepth40AreLinear", ""},
	{"evaluation order", "Row20OrderOfArgumentsCostsNothing", "values are computed a piece at a time in one Program, so no order holds more memory"},
	{"several argument errors", "Row21RealErrorsAreNotHidden", ""},
	{"missing key in a leaf", "plan.WhichKeysComeOutAndAsWhat ReportTellsEverything", ""},
	{"non-finite input", "KeyThatCannotBeMadeIsDropped NaNThatIsKeptIsCounted NaNThatIsRefusedIsAnError", "there is no policy that turns them to zero"},
	{"overflow before the finiteness test", "Row24FinitenessIsJudgedInTheSourcePrecision", ""},
	{"strict mandatory keys", "StrictKeysAskForMandatoryKeysOnly plan.WrongKeysAreNamed", ""},
	{"nothing to merge", "plan.WrongKeysAreNamed", ""},
	{"threshold of detection", "recipe/config.DetectionTakesATenthOfTheKeys", ""},
	{"ordering of candidates", "Row28ConfigsAreOrderedByWhatFits", "shapes come before missing keys: parts of models lack keys, other models have other shapes"},
	{"ties between candidates", "Row29TiesAreDecidedByTheIdentifier", ""},
	{"shapes in detection", "Row30ShapesCount", "of configs that know as many keys, those with fewer other shapes come first; what differs is reported"},
	{"one unknown literal", "recipe.LiteralsThatSteerDoNotVote", ""},
	{"unknown architecture", "Row32UnionOfKeys recipe.StructuralConfigIsTheUnion", ""},
	{"structural recipes in text", "Row33UnknownArchitecturesHaveNoConfig recipe.StructuralHintIsAWarning", ""},
	{"hint infer", "Row33UnknownArchitecturesHaveNoConfig recipe.NamedConfigsWorkOnceTheyHaveATable", ""},
	{"config hints on models", "recipe.ConfigsThatDisagreeAreNamed", ""},
	{"aliases", "Row36AliasesAreTheirKeys", "the name is that of the first model, not the canonical one; only a conversion renames"},
	{"default space rule", "methods.CatalogueHasTheSignaturesOfTheSpecification ComponentsBlocksAndAverages", ""},
	{"symbols of the user", "methods.RowsThatAreNotWellFormedAreRefused recipe.NodeThatIsTiedAndFixedKeepsTheTie", ""},
	{"spaces of the user", "recipe.UserSpacesAreAcceptedWhereAnyIs", ""},
	{"one node for a tied and a fixed parameter", "recipe.NodeThatIsTiedAndFixedKeepsTheTie", ""},
	{"ambiguous space", "recipe.AnySpaceTakesTheFirstThatIsPossible", ""},
	{"root space default", "recipe.SpaceErrorsSayWhatDisagreesAndWhatHelps", ""},
	{"null compared with a space", "recipe/script.ProgramsMakeTheGraphOfTheirText", "no space is a value of its own here; the wrappers that fail in the reference are among the programs of the test"},
	{"interface dispatch", "recipe.InterfaceGetsTheImplementationThatFits", ""},
	{"text form of interface calls", "recipe.InterfaceGetsTheImplementationThatFits", ""},
	{"value parameter of a renaming relation", "Row46ParametersGetTheKeysThatTheKeyMapNames", ""},
	{"variadic parameters in a key map", "Row46ParametersGetTheKeysThatTheKeyMapNames", ""},
	{"zero variadic arguments", "recipe.WrongArgumentsOfProgramsAreRefused methods.BindErrors", ""},
	{"contract validation", "plan.FaultsOfFormulasAreErrors", ""},
	{"methods with several outputs", "stream/run.SeveralSinksAndJobsWithoutAnOutput OutputsTogetherAreTheFilesOfSingleMerges", ""},
	{"release of shared values", "Row51SharedValuesAreComputedOnce", ""},
	{"shared values below dicts", "Row52DictsShareWhatIsBelow", ""},
	{"kernels that write in place", "Row53InputsAreNotWritten", ""},
	{"values of the GPU across workers", "cuda/driver.DriverOnTwoDevicesWithRandomDelays", "with the software driver, whose streams are asynchronous and delayed at random"},
	{"result given as a number", "Row55NumbersHaveTheShapeOfTheKey", ""},
	{"scalar precision", "Row56NumbersAreFloat64", ""},
	{"casts of bool, string and int", "methods.ValuesFitTheStrictTable", ""},
	{"one thread and errors", "stream/run.EveryFaultEndsTheRun", ""},
	{"number of threads", "SameBytesWhateverTheSettings", "all processors, unless the memory limit allows fewer; no byte depends on it"},
	{"memory budget", "MemoryIsBoundedForALargeTensor MemoryIsBoundedForManyKeys stream/run.LeasesOfOthersAreWaitedFor", ""},
	{"casting switches", "cmd/mecha-gpu.FlagsBecomeOptions plan.HalfMergeTypesRoundStoredTensorsOnce", ""},
	{"relative paths of models", "Row64ModelsAreKnownByTheirContent mecha.ModelsAreSearchedInOrder", ""},
	{"relative path of the output", "Row63OutputsAreInTheWorkingFolder", "there is no option for the model folder"},
	{"links and suffixes", "Row64ModelsAreKnownByTheirContent", ""},
	{"text: blank lines, line ends, tabs", "recipe.TextCasesOfTheReference recipe.ExamplesOfTheSpecification", ""},
	{"text: = in positional strings", "recipe.ExamplesOfTheSpecification", ""},
	{"text: position of errors", "recipe.ErrorsPointAtTheirPlace", ""},
	{"text: inf, nan, line feeds, odd names", "recipe.WhatTextCannotCarryIsRefused recipe.RandomGraphsReadBackAsTheyWere", ""},
	{"text: equal lines", "recipe.TextOfTheReferenceIsWrittenByteForByte", ""},
	{"text: spelling of floats", "recipe.FloatsAreWrittenAsPythonDoes", ""},
	{"serializing without files", "Row71TextNeedsNoFiles", ""},
	{"paths in serialized text", "Row72PathsOfTextCanBeChosen cmd/mecha-gpu.PathsOfModelsAreWrittenAsAsked", ""},
	{"convert to an unknown architecture", "recipe/script.ConvertLooksAtTheKeysOfModels", ""},
	{"convert with equal configs", "recipe/script.ConvertTakesTheShortestWay", ""},
	{"search for conversions", "recipe/script.ConvertTakesTheShortestWay methods.ConversionsAreFoundByTheFewestSteps", ""},
	{"unregistered methods", "mecha.OwnMethodsBesideTheBuiltIn methods.BuiltinMakesANewCatalogueEachTime", ""},
	{"defaults object", "cmd/mecha-gpu.DefaultsOfMerge", "options are one struct, whose zero value is ready to use"},
	{"operators", "recipe/script.ProgramsMakeTheGraphOfTheirText mecha.OperatorsAreTheMethodsOfRecipes", "a difference is not divided, but multiplied by the inverse; the message says so"},
	{"caches", "", "nothing is kept between merges: what the reference caches is computed again"},
	{"warnings of unknown keys", "Row80UnknownKeysAreOneWarning", ""},
}

// testNames returns the names of the tests of a folder, without "Test".
func testNames(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	check(t, err)
	found := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		check(t, err)
		for _, m := range regexp.MustCompile(`(?m)^func Test(\w+)\(`).FindAllStringSubmatch(string(src), -1) {
			found[m[1]] = true
		}
	}
	return found
}

// TestEveryRowHasATestOrANote prints, in verbose mode, the rows with a note.
func TestEveryRowHasATestOrANote(t *testing.T) {
	if len(rows) != 80 {
		t.Fatalf("%d rows, want 80", len(rows))
	}
	known := map[string]map[string]bool{}
	for i, r := range rows {
		if r.tests == "" && r.note == "" {
			t.Errorf("row %d (%s) has neither a test nor a note", i+1, r.about)
		}
		if r.note != "" {
			t.Logf("row %d (%s): %s", i+1, r.about, r.note)
		}
		for _, name := range strings.Fields(r.tests) {
			dir, test, inside := strings.Cut(name, ".")
			if !inside {
				dir, test = "tests", name
			} else if dir == "mecha" {
				dir = "."
			}
			if known[dir] == nil {
				known[dir] = testNames(t, dir)
			}
			if !known[dir][test] {
				t.Errorf("row %d (%s): there is no test %s", i+1, r.about, name)
			}
		}
	}
}
