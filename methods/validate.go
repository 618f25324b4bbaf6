package methods

import "fmt"

// Validate checks that the row is well-formed: see the rules for definitions of methods
// in the recipe specification.
func (m *Method) Validate() error {
	if m.ID == "" {
		return fmt.Errorf("no identifier")
	}
	if m.Status == Available && m.Formula == nil {
		return fmt.Errorf("no formula")
	}
	return nil
}
