package methods

import "slices"

// Ways is where conversions lead from a model config, by the fewest steps.
type Ways struct {
	From string
	last map[string]*Method // by config: the last conversion on the way to it
}

// Ways searches the conversions from a config breadth first. Of several ways with as few
// steps, the one over the configs that come first in byte order is taken; of several
// conversions between two configs, the one that was defined first.
func (s Set) Ways(from string) Ways {
	w := Ways{From: from, last: map[string]*Method{}}
	for layer := []string{from}; len(layer) > 0; {
		slices.Sort(layer)
		var next []string
		for _, at := range layer {
			for _, id := range s.ids {
				m := s.byID[id]
				to := m.Return.Config
				if m.Conversion && to != "" && to != from && m.Params[0].Config == at && w.last[to] == nil {
					w.last[to] = m
					next = append(next, to)
				}
			}
		}
		layer = next
	}
	return w
}

// To returns the conversions that lead to a config, in the order in which they are applied:
// none to the config itself. ok is false if there is no way.
func (w Ways) To(config string) (steps []*Method, ok bool) {
	for at := config; at != w.From; at = steps[len(steps)-1].Params[0].Config {
		m := w.last[at]
		if m == nil {
			return nil, false
		}
		steps = append(steps, m)
	}
	slices.Reverse(steps)
	return steps, true
}

// Targets lists the configs that conversions lead to, in byte order.
func (w Ways) Targets() []string {
	var all []string
	for id := range w.last {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// Shortest returns the fewest conversions from one of several configs to another, none if it is
// one of them. Of ways with as few steps, that of the config that is named first is taken.
func (s Set) Shortest(sources []string, to string) (from string, steps []*Method, ok bool) {
	for _, id := range sources {
		way, found := s.Ways(id).To(to)
		if found && (!ok || len(way) < len(steps)) {
			from, steps, ok = id, way, true
		}
	}
	return from, steps, ok
}
