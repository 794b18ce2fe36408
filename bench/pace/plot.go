package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// style is how a scheme is drawn: colours that colour-blind readers can tell apart
// (Okabe and Ito), on white, so that dark pages show the plot as it is.
type style struct {
	colour color.RGBA
	width  vg.Length
	dashes []vg.Length
}

var (
	dotted = []vg.Length{vg.Points(1.5), vg.Points(2.5)}
	dashed = []vg.Length{vg.Points(6), vg.Points(3)}
	styles = map[string]style{
		"none":         {rgb(0x999999), 1.5, dotted},
		"exponential":  {rgb(0xe69f00), 1.5, nil},
		"equal jitter": {rgb(0x56b4e9), 1.5, nil},
		"full jitter":  {rgb(0x0072b2), 1.5, nil},
		"decorrelated": {rgb(0x009e73), 1.5, nil},
		"client-go":    {rgb(0x666666), 1.5, dashed},
		"before":       {rgb(0xcc79a7), 1.5, dashed},
		"ifmatch":      {rgb(0xd55e00), 3, nil},
	}
)

func rgb(v uint32) color.RGBA {
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}

// drawAll writes the plots into dir.
func drawAll(dir string, ns []int, cells [][]cell) error {
	completion := newPlot("Time until all have written", "writers N", "completion, in floors")
	writes := newPlot("What it costs the server", "writers N", "writes per success")
	frontier := newPlot("Both, N = 16 … 1000", "writes per success", "completion, in floors")
	for s, with := range all {
		times, costs, both := make(plotter.XYs, len(ns)), make(plotter.XYs, len(ns)), plotter.XYs{}
		for i, n := range ns {
			c := cells[i][s]
			times[i] = plotter.XY{X: float64(n), Y: c.overFloor}
			costs[i] = plotter.XY{X: float64(n), Y: c.writes}
			if n >= 16 {
				both = append(both, plotter.XY{X: c.writes, Y: c.overFloor})
			}
		}
		for _, add := range []struct {
			to     *plot.Plot
			points plotter.XYs
		}{{completion, times}, {writes, costs}, {frontier, both}} {
			if add.to == frontier && with.name == exponential.name {
				continue // it would be far above all others
			}
			if err := addLine(add.to, with.name, add.points, add.to == frontier); err != nil {
				return err
			}
		}
	}
	frontier.Legend.XOffs = 9 * vg.Centimeter
	for name, p := range map[string]*plot.Plot{"pace-completion": completion, "pace-writes": writes, "pace-frontier": frontier} {
		if err := save(p, filepath.Join(dir, name+".svg")); err != nil {
			return err
		}
	}
	return nil
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.White
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale = plot.LogScale{}
		axis.Tick.Marker = ticks{}
	}
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, vg.Points(4)
	p.Legend.Padding = vg.Points(2)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = rgb(0xe0e0e0), rgb(0xe0e0e0)
	p.Add(grid)
	return p
}

func addLine(p *plot.Plot, name string, points plotter.XYs, marked bool) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	s := styles[name]
	line.Color, line.Width, line.Dashes = s.colour, s.width, s.dashes
	p.Add(line)
	if marked {
		marks, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		marks.Color, marks.Shape, marks.Radius = s.colour, draw.CircleGlyph{}, vg.Points(2)
		p.Add(marks)
	}
	p.Legend.Add(name, line)
	return nil
}

// ticks are at 1, 2 and 5 times powers of ten.
type ticks struct{}

func (ticks) Ticks(low, high float64) (ts []plot.Tick) {
	for _, power := range []float64{0.1, 1, 10, 100, 1000} {
		for _, digit := range []float64{1, 2, 5} {
			if v := power * digit; v >= low && v <= high {
				ts = append(ts, plot.Tick{Value: v, Label: fmt.Sprint(v)})
			}
		}
	}
	return ts
}

func save(p *plot.Plot, name string) error {
	canvas := vgsvg.New(16*vg.Centimeter, 11*vg.Centimeter)
	p.Draw(draw.Crop(draw.New(canvas), vg.Points(4), -vg.Points(14), vg.Points(4), -vg.Points(4)))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	// Readers without the font get one of the same widths.
	fitting := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return os.WriteFile(name, fitting, 0o644)
}
