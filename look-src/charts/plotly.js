// A figure of plotly's, without the buttons that send it somewhere or make a file.
import Plotly from 'plotly.js-cartesian-dist-min';
import { colour, drawn, place, specification } from './page.js';

drawn(async () => {
  const { data, layout } = specification();
  const text = colour('color-base');
  const see = { paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font: { ...layout.font, color: text } };
  await Plotly.newPlot(place, data, { ...layout, ...see, autosize: true }, {
    displaylogo: false,
    responsive: true,
    showEditInChartStudio: false,
    showSendToCloud: false,
    plotlyServerURL: '',
    modeBarButtonsToRemove: ['toImage', 'sendDataToCloud'],
  });
});
