import './base.css';
import './data.css';
import './merge.css';
import './beside.css';
