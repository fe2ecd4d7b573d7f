BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'tune_bn');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'tune_bn:identity','{"data": "23550f764a30fa6073fdc92601e8967884a77faef5bbfc55700fb785eb452c5e", "task": "classification", "metric": "accuracy", "space": "891257e07e51", "seed": 0, "epochs": 2}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,2,1,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,2,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,3,1,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,3,2,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,4,1,6.66666666666666629659e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,4,2,8.3333333333333337034e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,5,1,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,5,2,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,6,1,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,6,2,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,7,1,8.3333333333333337034e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,7,2,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,8,1,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,8,2,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(17,9,1,5.8333333333333337034e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(18,10,1,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(19,10,2,0.75,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(20,11,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(21,12,1,3.33333333333333314829e-01,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'learning_rate',0.1,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'1 - momentum',0.1,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(3,1,'weight_decay',0.005,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(4,1,'width',128.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(5,1,'depth',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(6,1,'batch_size',64.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(7,1,'activation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(8,1,'norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(9,2,'learning_rate',9.78737354393890562898e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(10,2,'1 - momentum',1.22576552014426898989e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(11,2,'weight_decay',4.86113582243428380552e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(12,2,'width',102.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(13,2,'depth',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(14,2,'batch_size',27.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(15,2,'activation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(16,2,'norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(17,3,'learning_rate',5.94683577656147347063e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(18,3,'1 - momentum',2.80004163504048615707e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(19,3,'weight_decay',9.93107718954753821566e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(20,3,'width',40.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(21,3,'depth',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(22,3,'batch_size',13.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(23,3,'activation',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(24,3,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(25,4,'learning_rate',7.19779651563840161543e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(26,4,'1 - momentum',0.0094511377668468,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(27,4,'weight_decay',1.85606499230932368857e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(28,4,'width',19.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(29,4,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(30,4,'batch_size',42.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(31,4,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(32,4,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(33,5,'learning_rate',3.68444743278011799247e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(34,5,'1 - momentum',1.05249300125329937893e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(35,5,'weight_decay',2.82718574721415151843e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(36,5,'width',122.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(37,5,'depth',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(38,5,'batch_size',53.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(39,5,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(40,5,'norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(41,6,'learning_rate',6.05377350370882694186e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(42,6,'1 - momentum',4.13799180177778884448e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(43,6,'weight_decay',1.12416725282337703352e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(44,6,'width',16.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(45,6,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(46,6,'batch_size',42.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(47,6,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(48,6,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(49,7,'learning_rate',4.73656638143344632663e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(50,7,'1 - momentum',1.57856595766091498123e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(51,7,'weight_decay',8.59223047153262e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(52,7,'width',16.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(53,7,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(54,7,'batch_size',42.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(55,7,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(56,7,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(57,8,'learning_rate',8.90843118186103802291e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(58,8,'1 - momentum',0.0094511377668468,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(59,8,'weight_decay',1.85606499230932368857e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(60,8,'width',128.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(61,8,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(62,8,'batch_size',42.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(63,8,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(64,8,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(65,9,'learning_rate',1.1961599871142354623e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(66,9,'1 - momentum',6.69288433993218134787e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(67,9,'weight_decay',1.85606499230932368857e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(68,9,'width',16.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(69,9,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(70,9,'batch_size',64.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(71,9,'activation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(72,9,'norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(73,10,'learning_rate',2.81748518894089805542e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(74,10,'1 - momentum',1.37987092816622171354e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(75,10,'weight_decay',1.19516500139075750389e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(76,10,'width',101.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(77,10,'depth',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(78,10,'batch_size',40.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(79,10,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(80,10,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(81,11,'learning_rate',9.78737354393890562898e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(82,11,'1 - momentum',1.65948690501054648555e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(83,11,'weight_decay',1.85606499230932368857e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(84,11,'width',128.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(85,11,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(86,11,'batch_size',41.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(87,11,'activation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(88,11,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
INSERT INTO "trial_params" VALUES(89,12,'learning_rate',0.0404572825503617,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 1.0, "log": true}}');
INSERT INTO "trial_params" VALUES(90,12,'1 - momentum',6.36712619040473437603e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.001, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(91,12,'weight_decay',4.12064573701709433665e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(92,12,'width',19.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 256}}');
INSERT INTO "trial_params" VALUES(93,12,'depth',4.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 4}}');
INSERT INTO "trial_params" VALUES(94,12,'batch_size',42.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 128}}');
INSERT INTO "trial_params" VALUES(95,12,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "gelu", "silu", "tanh"]}}');
INSERT INTO "trial_params" VALUES(96,12,'norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["before_activation", "after_activation"]}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,1,'fixed_params','{"learning_rate": 0.1, "1 - momentum": 0.1, "weight_decay": 0.005, "width": 128, "depth": 2, "batch_size": 64, "activation": "relu", "norm": "before_activation"}');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'tune_bn:validation','{"loss": 0.3211916387081146, "score": 0.75}');
INSERT INTO "trial_user_attributes" VALUES(2,2,'tune_bn:stage','{"stage": 0, "width": 1.0, "elites": []}');
INSERT INTO "trial_user_attributes" VALUES(3,2,'tune_bn:validation','{"loss": 0.3444725573062897, "score": 0.75}');
INSERT INTO "trial_user_attributes" VALUES(4,3,'tune_bn:stage','{"stage": 0, "width": 1.0, "elites": []}');
INSERT INTO "trial_user_attributes" VALUES(5,3,'tune_bn:validation','{"loss": 0.8925971388816833, "score": 0.16666666666666666}');
INSERT INTO "trial_user_attributes" VALUES(6,4,'tune_bn:stage','{"stage": 0, "width": 1.0, "elites": []}');
INSERT INTO "trial_user_attributes" VALUES(7,4,'tune_bn:validation','{"loss": 1.5016841888427734, "score": 0.8333333333333334}');
INSERT INTO "trial_user_attributes" VALUES(8,5,'tune_bn:stage','{"stage": 1, "width": 0.8, "elites": [3, 0, 1, 2]}');
INSERT INTO "trial_user_attributes" VALUES(9,5,'tune_bn:validation','{"loss": 0.4000498056411743, "score": 0.75}');
INSERT INTO "trial_user_attributes" VALUES(10,6,'tune_bn:stage','{"stage": 1, "width": 0.8, "elites": [3, 0, 1, 4, 2]}');
INSERT INTO "trial_user_attributes" VALUES(11,6,'tune_bn:validation','{"loss": 0.9045078158378601, "score": 0.5}');
INSERT INTO "trial_user_attributes" VALUES(12,7,'tune_bn:stage','{"stage": 1, "width": 0.8, "elites": [3, 0, 1, 4, 5]}');
INSERT INTO "trial_user_attributes" VALUES(13,7,'tune_bn:validation','{"loss": 0.3580130636692047, "score": 0.75}');
INSERT INTO "trial_user_attributes" VALUES(14,8,'tune_bn:stage','{"stage": 1, "width": 0.8, "elites": [3, 0, 1, 4, 6]}');
INSERT INTO "trial_user_attributes" VALUES(15,8,'tune_bn:validation','{"loss": 0.388014554977417, "score": 0.75}');
INSERT INTO "trial_user_attributes" VALUES(16,9,'tune_bn:stage','{"stage": 1, "width": 0.8, "elites": [3, 0, 1, 4, 6]}');
INSERT INTO "trial_user_attributes" VALUES(17,10,'tune_bn:stage','{"stage": 2, "width": 0.59291, "elites": [3, 0, 1, 4, 6]}');
INSERT INTO "trial_user_attributes" VALUES(18,10,'tune_bn:validation','{"loss": 0.6636583209037781, "score": 0.75}');
INSERT INTO "trial_user_attributes" VALUES(19,11,'tune_bn:stage','{"stage": 2, "width": 0.59291, "elites": [3, 0, 1, 4, 6]}');
INSERT INTO "trial_user_attributes" VALUES(20,12,'tune_bn:stage','{"stage": 2, "width": 0.59291, "elites": [3, 0, 1, 4, 6]}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,1.66666666666666657414e-01,'FINITE');
INSERT INTO "trial_values" VALUES(4,4,0,8.3333333333333337034e-01,'FINITE');
INSERT INTO "trial_values" VALUES(5,5,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(6,6,0,0.5,'FINITE');
INSERT INTO "trial_values" VALUES(7,7,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(8,8,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(9,9,0,5.8333333333333337034e-01,'FINITE');
INSERT INTO "trial_values" VALUES(10,10,0,0.75,'FINITE');
INSERT INTO "trial_values" VALUES(11,11,0,0.5,'FINITE');
INSERT INTO "trial_values" VALUES(12,12,0,3.33333333333333314829e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-25 08:30:49.311270','2026-11-25 08:30:49.383740');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-25 08:30:49.391964','2026-11-25 08:30:49.485380');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-25 08:30:49.496243','2026-11-25 08:30:49.558743');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-25 08:30:49.567410','2026-11-25 08:30:49.626389');
INSERT INTO "trials" VALUES(5,4,1,'COMPLETE','2026-11-25 08:30:49.635476','2026-11-25 08:30:49.691801');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-25 08:30:49.696491','2026-11-25 08:30:49.768491');
INSERT INTO "trials" VALUES(7,6,1,'COMPLETE','2026-11-25 08:30:49.782558','2026-11-25 08:30:49.841747');
INSERT INTO "trials" VALUES(8,7,1,'COMPLETE','2026-11-25 08:30:49.853889','2026-11-25 08:30:49.917463');
INSERT INTO "trials" VALUES(9,8,1,'PRUNED','2026-11-25 08:30:49.930538','2026-11-25 08:30:49.976145');
INSERT INTO "trials" VALUES(10,9,1,'COMPLETE','2026-11-25 08:30:49.989956','2026-11-25 08:30:50.043863');
INSERT INTO "trials" VALUES(11,10,1,'PRUNED','2026-11-25 08:30:50.058343','2026-11-25 08:30:50.114675');
INSERT INTO "trials" VALUES(12,11,1,'PRUNED','2026-11-25 08:30:50.120631','2026-11-25 08:30:50.218616');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
