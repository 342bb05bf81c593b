function mpc = four_bus
%FOUR_BUS  Small case with one of everything: written for these tests.
%{
mpc.baseMVA = 10;   % in a block comment: not a statement
%}
mpc.version = '2';

%% system MVA base
mpc.baseMVA = 100;

%	bus_i	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [
	1	3	0	0	0	0	1	1.02	1.5	345	1	1.05	0.95;
	20	1	50.5	10	1	5	1	1.01	-1	345	2	1.05	0.95;
	3	2	20	5	0	-7	2	1	-2	154	2	1.1	0.9;
	4	1	-5	2	0	0	2	0.99	-3	154	2	1.1	0.9;
	5	4	7	1	0	0	2	1	0	154	2	1.1	0.9;
];

mpc.gen = [
	1	50	10	100	-100	1.02	100	1	200	0;
	3	10	1	100	-100	1	100	1	150	0;
	3	12	1	60	-60	1	100	0	80	0;
	20	8	2	Inf	-Inf	1.01	100	1	20	0;
];

mpc.branch = [
	1	20	0.01	0.1	0.02	0	0	0	0	0	1	-360	360;
	20	3	0.002	0.05	0.04	100	110	120	0.98	0	1	-360	360;
	1	3	0.01	0.1	0.02	200	0	0	0	5	1	-30	30; % a phase shifter
	1	3	0.01	0.2	0.02	90	90	90	0	0	1	0	0;
	3	4	0.01	0.1	0.02	80	80	80	0	0	1	-360	360;
	3	4	0.01	0.1	0.02	80	80	80	0	0	0	-360	360;
	4	5	0.01	0.1	0	80	80	80	0	0	1	-360	360;
];

mpc.gencost = [
	2	1	2	3	0.1	20	5	0	0	0;
	1	0	0	3	0	0	100	1000	150	3000;
	2	0	0	2	20	5	0	0	0	0;
	2	0	0	4	0.001	0.02	3	4	0	0;
];

%	fbus	tbus	status	Pf	Pt	Qf	Qt	Vf	Vt	Pmin	Pmax	QminF	QmaxF	QminT	QmaxT	loss0	loss1
mpc.dcline = [
	1	4	1	10	8.9	-2	3	1.01	1	0	50	-10	10	-11	12	1	0.01;
	1	4	1	10	8.9	-2	3	1.01	1	0	50	-10	10	-11	12	1	0.01;
	4	1	0	-6	-6	0	0	1	1	-50	50	-10	10	-10	10	0	0;
];
mpc.dclinecost = [
	2	0	0	2	7.3	0;
	2	0	0	2	7.3	0;
	2	0	0	2	0	0;
];

mpc.bus_name = {
	'Alpha';
	'It''s 50 % of [it]; or not';
	'나주';
	'D';
	'E';
};
mpc.genfuel = { 'coal'; 'ng'; 'hydro'; 'solar' };

if nargout == 0
	disp('mpc = 1;');
	save('four_bus.mat', 'mpc', '-v7');
end
