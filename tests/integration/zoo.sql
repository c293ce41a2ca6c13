-- SPDX-License-Identifier: MIT
-- One of everything a server can hold.  zoo.py runs the part of each link before it takes it.

-- ==== link 0

CREATE DATABASE zoo CHARACTER SET utf8mb4;
USE zoo;

-- partitions and subpartitions, in several engines
CREATE TABLE part_range (a INT NOT NULL, b VARCHAR(40), PRIMARY KEY (a)) ENGINE=InnoDB
  PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (100), PARTITION `p-1 é` VALUES LESS THAN (200),
                          PARTITION pmax VALUES LESS THAN MAXVALUE);
CREATE TABLE part_sub (a INT NOT NULL, d DATE NOT NULL, PRIMARY KEY (a, d)) ENGINE=InnoDB
  PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH (a) SUBPARTITIONS 2
  (PARTITION old VALUES LESS THAN (2020), PARTITION new VALUES LESS THAN MAXVALUE);
CREATE TABLE part_myisam (a INT NOT NULL, b INT) ENGINE=MyISAM PARTITION BY HASH (a) PARTITIONS 3;
CREATE TABLE part_aria (a INT NOT NULL, b INT) ENGINE=Aria PARTITION BY KEY (a) PARTITIONS 2;
CREATE TABLE part_exchange (a INT NOT NULL, b VARCHAR(40), PRIMARY KEY (a)) ENGINE=InnoDB;
INSERT INTO part_range SELECT seq, MD5(seq) FROM seq_1_to_300;
INSERT INTO part_sub SELECT seq, '2019-01-01' + INTERVAL seq DAY FROM seq_1_to_700;
INSERT INTO part_myisam SELECT seq, seq * 2 FROM seq_1_to_50;
INSERT INTO part_aria SELECT seq, seq * 3 FROM seq_1_to_50;
INSERT INTO part_exchange SELECT seq, 'exchanged' FROM seq_10_to_20;

-- compressed in two ways
CREATE TABLE packed_pages (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB PAGE_COMPRESSED=1;
CREATE TABLE packed_still LIKE packed_pages;
CREATE TABLE packed_rows (a INT PRIMARY KEY, b TEXT, KEY (b(20))) ENGINE=InnoDB ROW_FORMAT=COMPRESSED
  KEY_BLOCK_SIZE=4;
CREATE TABLE packed_column (a INT PRIMARY KEY, b TEXT COMPRESSED) ENGINE=InnoDB;
INSERT INTO packed_pages SELECT seq, REPEAT(MD5(seq), 30) FROM seq_1_to_3000;
INSERT INTO packed_still SELECT * FROM packed_pages;
INSERT INTO packed_rows SELECT seq, REPEAT(MD5(seq), 30) FROM seq_1_to_1000;
INSERT INTO packed_column SELECT seq, REPEAT('x', seq) FROM seq_1_to_300;

-- full text and spatial indexes
CREATE TABLE words (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT, FULLTEXT (t)) ENGINE=InnoDB;
CREATE TABLE words_myisam (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT, FULLTEXT (t)) ENGINE=MyISAM;
CREATE TABLE places (id INT PRIMARY KEY, g GEOMETRY NOT NULL, SPATIAL INDEX (g)) ENGINE=InnoDB;
INSERT INTO words (t) SELECT CONCAT('animal number ', seq, ' eats ', ELT(1 + seq % 3, 'grass', 'meat', 'fish'))
  FROM seq_1_to_200;
INSERT INTO words_myisam SELECT * FROM words;
INSERT INTO places SELECT seq, ST_GeomFromText(CONCAT('POINT(', seq, ' ', seq * 2, ')')) FROM seq_1_to_50;

-- generated columns
CREATE TABLE generated_columns (a INT PRIMARY KEY, j JSON, v INT AS (a * 2) VIRTUAL, s VARCHAR(20) AS (CONCAT('s', a))
  STORED, w INT AS (JSON_VALUE(j, '$.n')) VIRTUAL, KEY (v), KEY (s), KEY (w)) ENGINE=InnoDB;
INSERT INTO generated_columns (a, j) SELECT seq, JSON_OBJECT('n', seq % 7) FROM seq_1_to_100;

-- sequences, system-versioned tables, constraints, an invisible column, an instantly added one
CREATE SEQUENCE tickets START WITH 100 INCREMENT BY 5 NOCACHE ENGINE=InnoDB;
CREATE SEQUENCE tickets_aria START WITH 7 NOCACHE ENGINE=Aria;
DO NEXTVAL(tickets), NEXTVAL(tickets), NEXTVAL(tickets_aria);
CREATE TABLE history (a INT PRIMARY KEY, b VARCHAR(20)) ENGINE=InnoDB WITH SYSTEM VERSIONING;
CREATE TABLE history_parts (a INT, b INT) ENGINE=InnoDB WITH SYSTEM VERSIONING
  PARTITION BY SYSTEM_TIME (PARTITION past HISTORY, PARTITION now CURRENT);
INSERT INTO history SELECT seq, 'first' FROM seq_1_to_20;
INSERT INTO history_parts SELECT seq, 0 FROM seq_1_to_20;
UPDATE history SET b = 'second' WHERE a < 10;
DELETE FROM history WHERE a = 20;
UPDATE history_parts SET b = 1 WHERE a < 5;
CREATE TABLE parent (a INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE child (a INT PRIMARY KEY, p INT, hidden INT INVISIBLE DEFAULT 5, CHECK (a > 0),
  CONSTRAINT `to parent` FOREIGN KEY (p) REFERENCES parent (a) ON DELETE CASCADE) ENGINE=InnoDB;
INSERT INTO parent SELECT seq FROM seq_1_to_10;
INSERT INTO child (a, p) SELECT seq, seq FROM seq_1_to_10;
CREATE TABLE widened (a INT PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO widened SELECT seq FROM seq_1_to_100;
ALTER TABLE widened ADD COLUMN b VARCHAR(10) DEFAULT 'instant' FIRST, ALGORITHM=INSTANT;

-- every other engine
CREATE TABLE aria_pages (a INT PRIMARY KEY, b TEXT) ENGINE=Aria TRANSACTIONAL=1;
CREATE TABLE aria_plain (a INT PRIMARY KEY, b TEXT) ENGINE=Aria TRANSACTIONAL=0 ROW_FORMAT=DYNAMIC;
CREATE TABLE myisam_dynamic (a INT PRIMARY KEY, b TEXT) ENGINE=MyISAM;
CREATE TABLE myisam_fixed (a INT, b CHAR(10)) ENGINE=MyISAM ROW_FORMAT=FIXED;
CREATE TABLE merge_one (a INT, KEY (a)) ENGINE=MyISAM;
CREATE TABLE merge_two (a INT, KEY (a)) ENGINE=MyISAM;
CREATE TABLE merged (a INT, KEY (a)) ENGINE=MRG_MyISAM UNION=(merge_one, merge_two) INSERT_METHOD=LAST;
CREATE TABLE csv_text (a INT NOT NULL, b VARCHAR(40) NOT NULL) ENGINE=CSV;
CREATE TABLE archived (a INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(200)) ENGINE=ARCHIVE;
CREATE TABLE memory_rows (a INT PRIMARY KEY) ENGINE=MEMORY;
CREATE TABLE hole (a INT) ENGINE=BLACKHOLE;
INSERT INTO aria_pages SELECT seq, REPEAT('a', seq) FROM seq_1_to_300;
INSERT INTO aria_plain SELECT seq, REPEAT('b', seq) FROM seq_1_to_300;
INSERT INTO myisam_dynamic SELECT seq, REPEAT('c', seq) FROM seq_1_to_300;
INSERT INTO myisam_fixed SELECT seq, 'fixed' FROM seq_1_to_100;
INSERT INTO merge_one VALUES (1), (2);
INSERT INTO merge_two VALUES (3), (4);
INSERT INTO csv_text VALUES (1, 'a "quoted", text'), (2, 'two\nlines');
INSERT INTO archived (b) SELECT REPEAT(MD5(seq), 5) FROM seq_1_to_100;
INSERT INTO memory_rows VALUES (1), (2);
INSERT INTO hole VALUES (1);

-- what has no rows of its own
CREATE VIEW `a view` AS SELECT a, b FROM part_range WHERE a < 150;
CREATE VIEW view_of_view AS SELECT COUNT(*) AS n FROM `a view`;
CREATE TABLE journal (id INT AUTO_INCREMENT PRIMARY KEY, said VARCHAR(80)) ENGINE=InnoDB;
DELIMITER //
CREATE TRIGGER `on insert` AFTER INSERT ON parent FOR EACH ROW INSERT INTO journal (said) VALUES (CONCAT('new ', NEW.a))//
CREATE PROCEDURE `a procedure`(IN n INT) BEGIN INSERT INTO parent VALUES (n); END//
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2//
CREATE AGGREGATE FUNCTION total(x INT) RETURNS INT DETERMINISTIC
BEGIN
  DECLARE s INT DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s;
  LOOP
    FETCH GROUP NEXT ROW;
    SET s = s + x;
  END LOOP;
END//
CREATE EVENT `an event` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO DELETE FROM journal WHERE id < 0//
SET @old_mode = @@sql_mode//
SET sql_mode = ORACLE//
CREATE PACKAGE pack AS FUNCTION half(n INT) RETURN INT DETERMINISTIC; END//
CREATE PACKAGE BODY pack AS FUNCTION half(n INT) RETURN INT AS BEGIN RETURN n / 2; END; END//
SET sql_mode = @old_mode//
DELIMITER ;
CALL `a procedure`(1000);
CREATE USER 'keeper'@'localhost' IDENTIFIED BY 'of the zoo';
GRANT SELECT ON zoo.* TO 'keeper'@'localhost';
CREATE ROLE visitors;
GRANT SELECT ON zoo.words TO visitors;

-- as a file 245 bytes, and no file with its changes may have a longer name
CREATE TABLE `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日` (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB;
CREATE TABLE `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日M` (a INT PRIMARY KEY, b TEXT) ENGINE=MyISAM;
INSERT INTO `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日` SELECT seq, REPEAT('l', 100) FROM seq_1_to_1000;
INSERT INTO `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日M` SELECT seq, REPEAT('l', 100) FROM seq_1_to_1000;

-- what DDL of later links will change
CREATE TABLE ddl_dropped (a INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE ddl_renamed (a INT PRIMARY KEY, b VARCHAR(20)) ENGINE=InnoDB;
CREATE TABLE ddl_truncated (a INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE ddl_copied (a INT PRIMARY KEY, b INT) ENGINE=InnoDB;
CREATE TABLE ddl_in_place (a INT PRIMARY KEY, b INT) ENGINE=InnoDB;
CREATE TABLE ddl_optimized (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB;
CREATE TABLE ddl_wanders (a INT PRIMARY KEY, b VARCHAR(20)) ENGINE=InnoDB;
CREATE TABLE ddl_swap_one (a INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE ddl_swap_two (a INT PRIMARY KEY) ENGINE=Aria;
INSERT INTO ddl_dropped SELECT seq FROM seq_1_to_100;
INSERT INTO ddl_renamed SELECT seq, 'renamed' FROM seq_1_to_100;
INSERT INTO ddl_truncated SELECT seq FROM seq_1_to_100;
INSERT INTO ddl_copied SELECT seq, seq FROM seq_1_to_100;
INSERT INTO ddl_in_place SELECT seq, seq FROM seq_1_to_100;
INSERT INTO ddl_optimized SELECT seq, REPEAT('o', 200) FROM seq_1_to_1000;
INSERT INTO ddl_wanders SELECT seq, 'wanders' FROM seq_1_to_100;
INSERT INTO ddl_swap_one VALUES (1);
INSERT INTO ddl_swap_two VALUES (2);
CREATE DATABASE zoo_dropped;
CREATE TABLE zoo_dropped.t (a INT) ENGINE=InnoDB;
CREATE DATABASE zoo_again COLLATE latin1_swedish_ci;
CREATE TABLE zoo_again.old (a INT) ENGINE=Aria;

-- ==== link 1

USE zoo;
UPDATE `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日` SET b = 'changed' WHERE a % 10 = 0;
UPDATE `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日M` SET b = 'changed' WHERE a % 10 = 0;
UPDATE part_range SET b = 'changed' WHERE a % 10 = 0;
DELETE FROM part_sub WHERE a < 50;
ALTER TABLE part_range EXCHANGE PARTITION p0 WITH TABLE part_exchange;
INSERT INTO part_myisam VALUES (100, 1);
INSERT INTO part_aria VALUES (100, 1);
UPDATE packed_pages SET b = REPEAT(SHA1(a), 20) WHERE a % 3 = 0;
UPDATE packed_rows SET b = REPEAT(SHA1(a), 20) WHERE a % 3 = 0;
INSERT INTO words (t) VALUES ('a giraffe comes');
INSERT INTO words_myisam (t) VALUES ('a giraffe comes');
INSERT INTO places VALUES (1000, ST_GeomFromText('POINT(7 7)'));
UPDATE generated_columns SET j = JSON_OBJECT('n', 99) WHERE a < 10;
DO NEXTVAL(tickets), NEXTVAL(tickets_aria);
UPDATE history SET b = 'third' WHERE a < 5;
UPDATE history_parts SET b = 2 WHERE a < 5;
DELETE FROM parent WHERE a = 3;
UPDATE widened SET b = 'touched' WHERE a = 1;
UPDATE aria_pages SET b = 'changed' WHERE a < 20;
UPDATE aria_plain SET b = 'changed' WHERE a < 20;
UPDATE myisam_dynamic SET b = 'changed' WHERE a < 20;
INSERT INTO merged VALUES (5);
INSERT INTO csv_text VALUES (3, 'more');
INSERT INTO archived (b) VALUES ('later');
CREATE OR REPLACE VIEW `a view` AS SELECT a, b FROM part_range WHERE a < 50;
DROP FUNCTION twice;
DELIMITER //
CREATE TRIGGER second AFTER INSERT ON parent FOR EACH ROW FOLLOWS `on insert` INSERT INTO journal (said) VALUES ('second')//
DELIMITER ;
CALL `a procedure`(1001);

DROP TABLE ddl_dropped;
RENAME TABLE ddl_renamed TO `ddl re-named`;
TRUNCATE ddl_truncated;
INSERT INTO ddl_truncated VALUES (7);
ALTER TABLE ddl_copied ADD COLUMN c INT DEFAULT 3, ALGORITHM=COPY;
ALTER TABLE ddl_in_place ADD INDEX (b), ALGORITHM=INPLACE;
OPTIMIZE TABLE ddl_optimized;
ALTER TABLE ddl_wanders ENGINE=Aria;
CREATE TABLE ddl_created (a INT PRIMARY KEY, b TEXT) ENGINE=InnoDB;
INSERT INTO ddl_created SELECT seq, REPEAT('n', 100) FROM seq_1_to_500;
RENAME TABLE ddl_swap_one TO ddl_swap_x, ddl_swap_two TO ddl_swap_one, ddl_swap_x TO ddl_swap_two;
ALTER TABLE part_sub REORGANIZE PARTITION new INTO
  (PARTITION newer VALUES LESS THAN (2021), PARTITION newest VALUES LESS THAN MAXVALUE);
DROP DATABASE zoo_dropped;
DROP DATABASE zoo_again;
CREATE DATABASE zoo_again COLLATE utf8mb4_bin;
CREATE TABLE zoo_again.new (a INT) ENGINE=InnoDB;
INSERT INTO zoo_again.new VALUES (1);

-- ==== link 2

USE zoo;
DELETE FROM `日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日` WHERE a < 500;
ALTER TABLE part_range ADD COLUMN c INT DEFAULT 1;
ALTER TABLE part_range DROP PARTITION pmax;
ALTER TABLE part_range ADD PARTITION (PARTITION later VALUES LESS THAN (1000));
INSERT INTO part_range VALUES (500, 'later', 2);
ALTER TABLE part_range TRUNCATE PARTITION `p-1 é`;
ALTER TABLE part_myisam COALESCE PARTITION 1;
ALTER TABLE part_exchange PARTITION BY HASH (a) PARTITIONS 4;
ALTER TABLE part_aria REMOVE PARTITIONING;
ALTER TABLE packed_rows ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=0;
ALTER TABLE packed_column MODIFY b TEXT;
DELETE FROM words WHERE id < 50;
DO NEXTVAL(tickets), SETVAL(tickets_aria, 1000);
DELETE FROM history;
ALTER TABLE widened DROP COLUMN b, ALGORITHM=INSTANT;
DELETE FROM aria_pages WHERE a < 100;
DROP TABLE merged;
DROP VIEW view_of_view;
DROP EVENT `an event`;
ALTER TABLE ddl_wanders ENGINE=MyISAM;
CREATE TABLE ddl_dropped (a INT PRIMARY KEY, other TEXT) ENGINE=MyISAM;
INSERT INTO ddl_dropped VALUES (1, 'the same name, another table');
ALTER TABLE `ddl re-named` RENAME TO zoo_again.`ddl moved`;
ALTER TABLE ddl_in_place DROP COLUMN b;
