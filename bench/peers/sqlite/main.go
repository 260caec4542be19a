// Sqlite is a table of SQLite (modernc.org's, in Go) as a durable queue: a
// write-ahead log that is synced at each commit.
package main

import (
	"database/sql"
	"errors"
	"log"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/aliiot/aliiot/bench/contest"
)

var peer = contest.Contestant{Name: "SQLite", Class: contest.Strict, Open: open}

type store struct {
	db     *sql.DB
	insert *sql.Stmt
	read   *sql.Stmt
	remove *sql.Stmt
	last   int64 // row that was read last
	next   int64 // row that is written next: SQLite would use numbers again
	lazy   contest.Lazily
}

func open(dir string) (contest.Store, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "queue.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(4)
	s := &store{db: db}
	_, err = db.Exec("CREATE TABLE IF NOT EXISTS queue (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
	prepare := func(to **sql.Stmt, text string) {
		if err == nil {
			*to, err = db.Prepare(text)
		}
	}
	if err == nil {
		err = db.QueryRow("SELECT coalesce(max(id), 0) + 1 FROM queue").Scan(&s.next)
	}
	prepare(&s.insert, "INSERT INTO queue (id, body) VALUES (?, ?)")
	prepare(&s.read, "SELECT id, body FROM queue WHERE id > ? ORDER BY id LIMIT ?")
	prepare(&s.remove, "DELETE FROM queue WHERE id IN (SELECT id FROM queue ORDER BY id LIMIT ?)")
	s.lazy.Do = func(n int) error {
		_, err := s.remove.Exec(n)
		return err
	}
	return s, err
}

func (s *store) Append(records [][]byte) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	insert := tx.Stmt(s.insert)
	for _, r := range records {
		if _, err := insert.Exec(s.next, r); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		s.next++
	}
	return tx.Commit()
}

func (s *store) Next(n int) ([][]byte, error) {
	rows, err := s.read.Query(s.last, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]byte
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&s.last, &body); err != nil {
			return nil, err
		}
		all = append(all, body)
	}
	return all, rows.Err()
}

func (s *store) Settle(n int) error { return s.lazy.Settle(n) }

func (s *store) Close() error { return errors.Join(s.lazy.Flush(), s.db.Close()) }

func main() {
	if err := contest.Main(peer); err != nil {
		log.Fatal(err)
	}
}
